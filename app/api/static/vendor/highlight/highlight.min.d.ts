export interface Highlighter {
  getLanguage(name: string): object | undefined
  highlight(code: string, options: { language: string; ignoreIllegals?: boolean }): { value: string }
}
declare const highlighter: Highlighter
export default highlighter
