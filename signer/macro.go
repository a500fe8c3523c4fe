package signer

import (
	"slices"
	"strings"
)

// A macro's two ends when it is percent-encoded. Templates are rewritten to
// this spelling, so that the rules for URLs hold for them too.
const (
	macroOpen  = "%5B%25"
	macroClose = "%25%5D"
)

// markMacros rewrites every macro of a template, raw or percent-encoded, as
// macroOpen, its name and macroClose. A macro that is not known is refused.
func markMacros(template string) (string, error) {
	var marked strings.Builder
	copied := 0
	for i := 0; i < len(template); i++ {
		if c := template[i]; c != '[' && c != '%' {
			continue
		}
		name, end := macroAt(template, i)
		switch {
		case end > 0 && macroField(name) == "":
			return "", unknownMacro(name)
		case end > 0:
			if copied == 0 {
				marked.Grow(2 * len(template)) // the shortest macros become twice as long
			}
			marked.WriteString(template[copied:i])
			marked.WriteString(macroOpen)
			marked.WriteString(name)
			marked.WriteString(macroClose)
			copied, i = end, end-1
		case strings.HasPrefix(template[i:], "[%"):
			return "", refuse("url", CodeMacroNotClosed, "a macro begins with [%% at byte %d but is not closed with %%]", i+1)
		}
	}
	if copied == 0 {
		return template, nil
	}
	marked.WriteString(template[copied:])
	return marked.String(), nil
}

// macroAt returns the name of the macro that begins at i and the index behind
// it, or 0 when none begins there.
func macroAt(s string, i int) (name string, end int) {
	start := skipSpelled(s, skipSpelled(s, i, '[', "5B"), '%', "25")
	if start < 0 {
		return "", 0
	}
	stop, colons := start, 0
	for stop < len(s) && (isMacroLetter(s[stop]) || isColon(s, stop)) {
		if s[stop] == '%' {
			colons++
			stop += len("3A")
		}
		stop++
	}
	end = skipSpelled(s, skipSpelled(s, stop, '%', "25"), ']', "5D")
	if end < 0 || stop == start {
		return "", 0
	}
	name = s[start:stop]
	if colons > 0 {
		name = strings.NewReplacer("%3A", ":", "%3a", ":").Replace(name)
	}
	return name, end
}

// skipSpelled returns the index behind the character that stands at i in s,
// raw or as the escape with those hex digits, or -1 when it does not.
func skipSpelled(s string, i int, raw byte, digits string) int {
	switch {
	case i < 0 || i >= len(s):
		return -1
	case isEscape(s, i) && strings.EqualFold(s[i+1:i+3], digits):
		return i + len("%XX")
	case s[i] == raw:
		return i + 1
	default:
		return -1
	}
}

func isMacroLetter(c byte) bool {
	return isUnreserved(c) || c == ':'
}

func isColon(s string, i int) bool {
	return isEscape(s, i) && s[i+1] == '3' && s[i+2]|0x20 == 'a'
}

func unknownMacro(name string) *Error {
	if near := nearest(name, macroNames()); near != "" {
		return refuse("url", CodeMacroUnknown, "unknown macro [%%%.40s%%]: did you mean [%%%s%%]?", name, near)
	}
	return refuse("url", CodeMacroUnknown, "unknown macro [%%%.40s%%]", name)
}

// cutMacro cuts a marked template at its first macro. Without one, name is
// empty and before is all of it.
func cutMacro(marked string) (before, name, after string) {
	start := strings.Index(marked, macroOpen)
	for start >= 0 {
		name, rest, closed := strings.Cut(marked[start+len(macroOpen):], macroClose)
		if closed && macroField(name) != "" {
			return marked[:start], name, rest
		}
		next := strings.Index(marked[start+1:], macroOpen)
		if next < 0 {
			break
		}
		start += 1 + next
	}
	return marked, "", ""
}

// macroNames lists the macros, old and new names.
func macroNames() []string {
	return []string{
		"UID", "USER:UID", "VAL", "VALUE:CURRENCY", "RAW", "VALUE:USD", "TX", "REF",
		"TYPE", "ACTIVITY:TYPE", "REASON", "SURVEY:REASON", "APP", "APP:TOKEN",
		"IP", "USER:IP_ADDRESS", "FSCORE", "OFFER_ID", "OFFER:ID", "OFFER_NAME", "OFFER:NAME",
		"OFFER:TITLE", "OFFER:DELAY", "OFFER_STATE", "OFFER:TASK:STATE", "TASK_ID", "OFFER:TASK:ID",
		"TASK_NAME", "OFFER:TASK:NAME", "BAN_REASON", "BAN_STATE",
	}
}

// macroField returns the member of the data that a macro stands for, or "" when
// there is no such macro.
func macroField(name string) string {
	switch name {
	case "UID", "USER:UID":
		return "uid"
	case "VAL", "VALUE:CURRENCY":
		return "val"
	case "RAW", "VALUE:USD":
		return "raw"
	case "TX":
		return "tx"
	case "REF":
		return "ref"
	case "TYPE", "ACTIVITY:TYPE":
		return "type"
	case "REASON", "SURVEY:REASON":
		return "reason"
	case "APP":
		return "app"
	case "APP:TOKEN":
		return "app_token"
	case "IP", "USER:IP_ADDRESS":
		return "ip"
	case "FSCORE":
		return "fscore"
	case "BAN_REASON":
		return "ban_reason"
	case "BAN_STATE":
		return "ban_state"
	default:
		return offerMacroField(name)
	}
}

// isMacroField says whether some macro stands for a member of that name.
func isMacroField(name []byte) bool {
	return slices.ContainsFunc(macroNames(), func(macro string) bool { return macroField(macro) == string(name) })
}

func offerMacroField(name string) string {
	switch name {
	case "OFFER_ID", "OFFER:ID":
		return "offer_id"
	case "OFFER_NAME", "OFFER:NAME":
		return "offer_name"
	case "OFFER:TITLE":
		return "offer_title"
	case "OFFER:DELAY":
		return "offer_delay"
	case "OFFER_STATE", "OFFER:TASK:STATE":
		return "offer_state"
	case "TASK_ID", "OFFER:TASK:ID":
		return "task_id"
	case "TASK_NAME", "OFFER:TASK:NAME":
		return "task_name"
	default:
		return ""
	}
}
