package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"guesthouse/vmconfig"
)

// maxDepth is how deep objects and lists of a text that is read may be nested.
const maxDepth = 16

// checkJSON refuses what encoding/json lets pass and different readers understand differently: a key that is twice in an object, bytes
// that are no UTF-8, null, something after the end. If known is not nil, all keys must be in it exactly as written, because
// encoding/json takes a key in any case.
func checkJSON(data []byte, known map[string]bool) error {
	if !utf8.Valid(data) {
		return errors.New("it is not valid UTF-8 text")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := checkValue(decoder, known, 0); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows after its end")
	}
	return nil
}

// checkValue reads one value.
func checkValue(decoder *json.Decoder, known map[string]bool, depth int) error {
	token, err := decoder.Token()
	if err != nil {
		return jsonError(err)
	}
	open, isDelim := token.(json.Delim)
	if !isDelim {
		if token == nil {
			return errors.New("null stands for a value")
		}
		return nil
	}
	if depth == maxDepth {
		return fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	keys := map[string]bool{}
	for decoder.More() {
		if open == '{' {
			token, err := decoder.Token()
			if err != nil {
				return jsonError(err)
			}
			key, _ := token.(string)
			if keys[key] {
				return fmt.Errorf("the field “%s” is there twice", vmconfig.Inert(key, shownValue))
			}
			if known != nil && !known[key] {
				return fmt.Errorf("the field “%s” is unknown", vmconfig.Inert(key, shownValue))
			}
			keys[key] = true
		}
		if err := checkValue(decoder, known, depth+1); err != nil {
			return err
		}
	}
	_, err = decoder.Token() // the closing bracket
	return jsonError(err)
}

// decodeStrict reads one JSON text into a value whose type has all fields that are allowed.
func decodeStrict(data []byte, into any) error {
	known := map[string]bool{}
	fieldNames(reflect.TypeOf(into).Elem(), known)
	if err := checkJSON(data, known); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields() // a known one in the wrong place
	return jsonError(decoder.Decode(into))
}

// fieldNames adds the names of a struct's fields in JSON, at all levels.
func fieldNames(t reflect.Type, names map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		fieldNames(t.Elem(), names)
	case reflect.Struct:
		for i := range t.NumField() {
			field := t.Field(i)
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
				names[name] = true
				fieldNames(field.Type, names)
			}
		}
	}
}

// jsonError words an error of encoding/json, which may quote what it read.
func jsonError(err error) error {
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends too early")
	case errors.As(err, &syntax):
		return fmt.Errorf("it is not valid JSON at byte %d", syntax.Offset)
	case errors.As(err, &wrongType):
		return fmt.Errorf("the field “%s” cannot be %s", vmconfig.Inert(wrongType.Field, shownValue), vmconfig.Inert(wrongType.Value, shownValue))
	}
	return errors.New(vmconfig.Inert(err.Error(), 3*shownValue))
}

// shownValue is the longest foreign text that an error quotes, in characters.
const shownValue = 80
