// Shares one time budget per animation frame among all jobs that read and draw. A job with more
// work continues in the next frame.

const BUDGET = 6 // milliseconds
const HIDDEN_INTERVAL = 250 // milliseconds; a hidden tab has no animation frames

/** @type {Set<() => boolean>} */
const jobs = new Set()
let scheduled = 0

/**
 * Run `job` in the next frame, and again while it returns true because it has more work.
 * @param {() => boolean} job
 */
export function draw(job) {
  jobs.add(job)
  schedule()
}

function schedule() {
  scheduled ||= document.hidden
    ? window.setTimeout(runJobs, HIDDEN_INTERVAL)
    : requestAnimationFrame(runJobs)
}

document.addEventListener('visibilitychange', () => {
  if (!scheduled) return
  clearTimeout(scheduled)
  cancelAnimationFrame(scheduled)
  scheduled = 0
  schedule()
})

function runJobs() {
  scheduled = 0
  const end = performance.now() + (document.hidden ? 4 * BUDGET : BUDGET)
  for (const job of [...jobs]) {
    jobs.delete(job)
    let more = true
    while (more && performance.now() < end) more = job()
    if (more) jobs.add(job)
  }
  if (jobs.size) schedule()
}
