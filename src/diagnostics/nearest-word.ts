/** Words that are further apart than this (insertions, deletions, replacements) are not taken for a slip. */
const MAX_DISTANCE = 2;

/** Longer words are not compared: they are no slips of a keyword, and the cost grows with the square. */
const MAX_WORD_LENGTH = 64;

/**
 * The candidate that `word` was probably meant to be, or undefined. Case is ignored, a candidate that equals `word` is no
 * answer, and of equally near ones the first wins. A word of up to two letters is only matched at distance 1.
 */
export function nearestWord(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase();
  if (wanted.length === 0 || wanted.length > MAX_WORD_LENGTH) return undefined;
  let best: string | undefined;
  let bestDistance = Math.min(MAX_DISTANCE, Math.ceil(wanted.length / 2)) + 1;
  for (const candidate of candidates) {
    if (candidate === word || Math.abs(candidate.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance, one row at a time. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 0; i < from.length; i++) {
    const row = [i + 1];
    for (let j = 0; j < to.length; j++) {
      const replace = (previous[j] ?? 0) + (from[i] === to[j] ? 0 : 1);
      row.push(Math.min(replace, (previous[j + 1] ?? 0) + 1, (row[j] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[to.length] ?? 0;
}
