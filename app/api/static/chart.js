// The delays between tokens, the newest at the right.

const BAR = 3 // pixels, with the gap

export function drawChart(canvas, gaps) {
  const { clientWidth: width, clientHeight: height } = canvas
  if (!width) return null
  const scale = devicePixelRatio || 1
  canvas.width = Math.round(width * scale)
  canvas.height = Math.round(height * scale)
  const pen = canvas.getContext('2d')
  pen.scale(scale, scale)
  const shown = gaps.slice(-Math.floor(width / BAR))
  const sorted = shown.toSorted((one, other) => one - other)
  const at = share => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  const top = Math.max(at(1), 1)
  const style = getComputedStyle(canvas)
  const left = width - shown.length * BAR
  pen.fillStyle = style.color // resolved, whereas the variables are not
  for (const [index, gap] of shown.entries()) {
    const tall = Math.max(1, (gap / top) * (height - 4))
    pen.fillRect(left + index * BAR, height - tall, BAR - 1, tall)
  }
  pen.strokeStyle = style.outlineColor
  pen.setLineDash([2, 3])
  const median = Math.round(height - (at(0.5) / top) * (height - 4)) - 0.5
  pen.beginPath()
  pen.moveTo(0, median)
  pen.lineTo(width, median)
  pen.stroke()
  return { median: at(0.5), p95: at(0.95), max: at(1) }
}
