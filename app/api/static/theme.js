// Light, dark, or as the system has it.

const NAMES = { auto: 'Auto', light: 'Light', dark: 'Dark' }

export function install(button) {
  let chosen = localStorage.getItem('theme') ?? 'auto'
  const show = () => {
    document.documentElement.dataset.theme = chosen
    button.lastElementChild.textContent = NAMES[chosen]
    button.setAttribute('aria-label', `Colours: ${NAMES[chosen]}`)
  }
  button.addEventListener('click', () => {
    const names = Object.keys(NAMES)
    chosen = names[(names.indexOf(chosen) + 1) % names.length]
    localStorage.setItem('theme', chosen)
    show()
  })
  if (!(chosen in NAMES)) chosen = 'auto'
  show()
}
