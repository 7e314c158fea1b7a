// One budget a frame for all that is read and drawn: whoever has more goes on in the next frame.

const BUDGET = 6 // milliseconds
const UNSEEN = 250 // milliseconds between two turns of a tab that is not looked at: it has no frames

const jobs = new Set()
let asked = 0

/** Run `job` in the next frame; while it returns true it has more to do, and is run again. */
export function draw(job) {
  jobs.add(job)
  ask()
}

function ask() {
  asked ||= document.hidden ? setTimeout(frame, UNSEEN) : requestAnimationFrame(frame)
}

document.addEventListener('visibilitychange', () => {
  if (!asked) return
  clearTimeout(asked)
  cancelAnimationFrame(asked)
  asked = 0
  ask()
})

function frame() {
  asked = 0
  const end = performance.now() + (document.hidden ? 4 * BUDGET : BUDGET)
  for (const job of [...jobs]) {
    jobs.delete(job)
    let more = true
    while (more && performance.now() < end) more = job()
    if (more) jobs.add(job)
  }
  if (jobs.size) ask()
}
