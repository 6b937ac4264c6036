/** Wide characters of East Asian scripts and emoji take two columns; everything from here on is counted so. */
const firstWideCodePoint = 0x1100;

const controlSequences =
  /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** `text` as one line that cannot move the cursor or change colours. */
export function stripControl(text: string): string {
  return text.replace(/[\t\n]/g, ' ').replace(controlSequences, '');
}

/** The beginning of `text` that fits into `columns`, with an ellipsis where something was cut. */
export function cutToWidth(text: string, columns: number): string {
  let width = 0;
  let end = 0;
  let fits = 0;
  for (const character of text) {
    width += columnsOf(character);
    if (width > columns) return columns < 1 ? '' : `${text.slice(0, fits)}…`;
    end += character.length;
    if (width <= columns - 1) fits = end;
  }
  return text;
}

/** Columns that `text` takes, rather too many than too few. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += columnsOf(character);
  return width;
}

function columnsOf(character: string): number {
  const codePoint = character.codePointAt(0) ?? 0;
  // General punctuation, arrows and box drawing are narrow although they come late.
  const narrow = codePoint < firstWideCodePoint || (codePoint >= 0x2000 && codePoint < 0x2e80);
  return narrow ? 1 : 2;
}
