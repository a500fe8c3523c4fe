package postback

import "encoding/json"

// Expect says what the body of a successful answer must be for the attempt to succeed. At
// most one of Exact, Contains, Regex and JSONPath is set; white space around
// the body does not count.
type Expect struct {
	Exact    string `json:"exact,omitempty" minLength:"1" maxLength:"1000" doc:"The whole body, but for white space around it"`
	Contains string `json:"contains,omitempty" minLength:"1" maxLength:"1000" doc:"A part of the body"`
	Regex    string `json:"regex,omitempty" minLength:"1" maxLength:"500" doc:"A regular expression (RE2) that is found in the body"`
	JSONPath string `json:"json_path,omitempty" minLength:"1" maxLength:"200" example:"data.0.status" doc:"Where equals is in a JSON body: names and indexes, joined by dots"`
	Equals   Scalar `json:"equals,omitempty" doc:"What is at json_path: a string, a number or a boolean"`
	// Duplicate are bodies by which the receiver says that it has had the
	// message before, such as "DUP". They count as success too.
	Duplicate Texts `json:"duplicate,omitempty" doc:"Bodies that say that the message was had before, such as DUP; they are success too"`
}

// Scalar is a string, a number or a boolean, as JSON spells it.
type Scalar string

// MarshalJSON writes it as it was spelled.
func (s Scalar) MarshalJSON() ([]byte, error) { return []byte(s), nil }

// UnmarshalJSON refuses lists and objects; null is none.
func (s *Scalar) UnmarshalJSON(text []byte) error {
	switch text[0] {
	case '{', '[':
		return Invalid("", CodeInvalid, "write a string, a number, true or false")
	case 'n':
		return nil
	default:
		*s = Scalar(text)
		return nil
	}
}

// Text is the content of a string, or the spelling of a number or boolean.
func (s Scalar) Text() string {
	var text string
	if json.Unmarshal([]byte(s), &text) != nil {
		return string(s)
	}
	return text
}

// Texts are several texts, or one, which JSON spells without a list.
type Texts []string

// MarshalJSON writes a single text without a list.
func (t Texts) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0]) //nolint:wrapcheck // a string always marshals
	}
	return json.Marshal([]string(t)) //nolint:wrapcheck // strings always marshal
}

// UnmarshalJSON reads a text or a list of texts.
func (t *Texts) UnmarshalJSON(text []byte) error {
	var one string
	if text[0] == '"' && json.Unmarshal(text, &one) == nil {
		*t = Texts{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(text, &many); err != nil {
		return Invalid("", CodeInvalid, "write a string or a list of strings")
	}
	*t = many
	return nil
}
