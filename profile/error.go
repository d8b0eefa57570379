// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// ErrInvalid is wrapped by every error about the content of a profile.
var ErrInvalid = errors.New("invalid board profile")

// Place says where a value was written. Line is 0 where it is not known, Key as the file counts: "processor[1].window".
type Place struct {
	File string
	Line int
	Key  string
}

// String is FILE or FILE:LINE.
func (p Place) String() string {
	if p.Line > 0 {
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return p.File
}

// Error is a defect of a profile with its place. Line is 0 where it is not known.
type Error struct {
	File string
	Line int
	Key  string
	Err  error
}

func (e *Error) Error() string {
	s := Place{File: e.File, Line: e.Line}.String()
	if e.Key != "" {
		s += ": " + e.Key
	}
	return s + ": " + e.Err.Error()
}

// Unwrap makes errors.Is work for ErrInvalid and the cause.
func (e *Error) Unwrap() []error { return []error{ErrInvalid, e.Err} }

// typeError is how the TOML library words the place of a value of the wrong type, for which it has no error type.
var typeError = regexp.MustCompile(`line (\d+) \(last key "([^"]*)"\): (.*)`)

func syntaxError(file string, err error) *Error {
	e := &Error{File: file, Err: err}
	var pe toml.ParseError
	if errors.As(err, &pe) {
		e.Line, e.Key, e.Err = pe.Position.Line, pe.LastKey, errors.New(strings.ReplaceAll(pe.Error(), "\n", " "))
		if pe.Message != "" {
			e.Err = errors.New(pe.Message)
		}
	} else if m := typeError.FindStringSubmatch(err.Error()); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Key, e.Err = m[2], errors.New(m[3])
	}
	return e
}
