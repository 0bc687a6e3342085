package lang

import (
	"encoding/json"

	"golang.org/x/text/feature/plural"
)

// Forms are the forms of one text by CLDR's names ("one", "few", "other"). A text without a count has "other" only, which
// a file gives as a plain string.
type Forms map[string]string

const other = "other"

var formNames = map[plural.Form]string{
	plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: other,
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *Forms) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*f = Forms{other: text}
		return nil
	}
	return json.Unmarshal(data, (*map[string]string)(f))
}

// MarshalJSON implements json.Marshaler.
func (f Forms) MarshalJSON() ([]byte, error) {
	if len(f) == 1 && f[other] != "" {
		return json.Marshal(f[other])
	}
	return json.Marshal(map[string]string(f))
}
