// A bar chart of the delays between tokens, with the newest at the right.

const BAR_WIDTH = 3 // pixels, with the gap

/**
 * Draw the chart.
 * @param {HTMLCanvasElement} canvas
 * @param {number[]} gaps delays in milliseconds
 * @returns {{median: number, p95: number, max: number} | null} of the delays in the chart; null
 * if the canvas is hidden
 */
export function drawChart(canvas, gaps) {
  const { clientWidth: width, clientHeight: height } = canvas
  const pen = canvas.getContext('2d')
  if (!width || !pen) return null
  const scale = devicePixelRatio || 1
  canvas.width = Math.round(width * scale)
  canvas.height = Math.round(height * scale)
  pen.scale(scale, scale)
  const drawn = gaps.slice(-Math.floor(width / BAR_WIDTH))
  const sorted = drawn.toSorted((a, b) => a - b)
  const quantile = (/** @type {number} */ share) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  const top = Math.max(quantile(1), 1)
  const style = getComputedStyle(canvas)
  const left = width - drawn.length * BAR_WIDTH
  pen.fillStyle = style.color // resolved, unlike the variables of the style sheet
  for (const [index, gap] of drawn.entries()) {
    const barHeight = Math.max(1, (gap / top) * (height - 4))
    pen.fillRect(left + index * BAR_WIDTH, height - barHeight, BAR_WIDTH - 1, barHeight)
  }
  pen.strokeStyle = style.outlineColor
  pen.setLineDash([2, 3])
  const median = Math.round(height - (quantile(0.5) / top) * (height - 4)) - 0.5
  pen.beginPath()
  pen.moveTo(0, median)
  pen.lineTo(width, median)
  pen.stroke()
  return { median: quantile(0.5), p95: quantile(0.95), max: quantile(1) }
}
