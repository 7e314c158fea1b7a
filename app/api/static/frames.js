// One budget a frame for all that is drawn: whoever has more to draw goes on in the next frame.

const BUDGET = 8 // milliseconds

const jobs = new Set()
let asked = 0

/** Run `job` in the next frame; while it returns true it has more to do, and is run again. */
export function draw(job) {
  jobs.add(job)
  if (!asked) asked = requestAnimationFrame(frame)
}

function frame() {
  asked = 0
  const end = performance.now() + BUDGET
  for (const job of [...jobs]) {
    jobs.delete(job)
    let more = true
    while (more && performance.now() < end) more = job()
    if (more) jobs.add(job)
  }
  if (jobs.size) asked ||= requestAnimationFrame(frame)
}
