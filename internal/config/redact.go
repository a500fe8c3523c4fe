package config

import "strings"

const masked = "xxxxx"

// redactURL masks the user information of a URL and every query value that
// could be a password. It works on the text, for it must also mask what no
// parser takes: several hosts, a password with a slash in it.
func redactURL(text string) string {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return text
	}
	place, query, found := strings.Cut(rest, "?")
	if strings.Contains(query, "@") {
		return scheme + "://" + masked // a password has one of them in it, and which one must not show
	}
	if at := strings.LastIndexByte(place, '@'); at >= 0 {
		place = masked + place[at:]
	}
	if found {
		place += "?" + redactQuery(query)
	}
	return scheme + "://" + place
}

func redactQuery(query string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		if strings.Contains(name, "pass") || strings.Contains(name, "secret") || strings.Contains(name, "token") {
			pairs[i] = name + "=" + masked
		}
	}
	return strings.Join(pairs, "&")
}
