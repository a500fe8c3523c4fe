package refusal

import "strings"

// Nearest returns the candidate that a mistyped word most likely meant, or ""
// when none is near: at most a third of the letters may be wrong.
func Nearest(word string, candidates []string) string {
	const longest = 64 // the distance is quadratic in the length
	if word == "" || len(word) > longest {
		return ""
	}
	best, bestDistance := "", len(word)/3+1
	for _, candidate := range candidates {
		if d := distance(strings.ToUpper(word), strings.ToUpper(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
