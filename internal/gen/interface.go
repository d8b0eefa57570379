// SPDX-License-Identifier: Apache-2.0

package gen

import "github.com/offload-runtime/offload/internal/wire"

// File is a description.
type File struct {
	Name       string // as given to Parse
	Package    string
	License    string // the SPDX line with its comment marks, or ""
	Interfaces []Interface
}

// Interface is a set of methods.
type Interface struct {
	Name    string // Go
	Doc     []string
	Methods []Method
}

// Method is a remote function.
type Method struct {
	Name   string // Go
	Wire   string
	Doc    []string
	Params []Param
	Result *Type // nil: none
}

// Param is a parameter.
type Param struct {
	Name string
	Type Type
}

// Kind is what travels.
type Kind uint8

// The kinds of values.
const (
	Bool Kind = iota
	Int
	Uint
	Float
	String
	Bytes
	In // ranges of buffers, by what the remote does with them
	Out
	InOut
)

// Type is the type of a parameter or result.
type Type struct {
	Kind Kind
	Go   string // as it is written in Go; runtime.Ref for ranges
	Bits int    // of numbers
}

func (t Type) ref() bool { return t.Kind >= In }

// basic is the type of that name, if it may travel.
func basic(name string) (Type, bool) {
	switch name {
	case "bool":
		return Type{Bool, name, 0}, true
	case "int8":
		return Type{Int, name, 8}, true
	case "int16":
		return Type{Int, name, 16}, true
	case "int32", "rune":
		return Type{Int, name, 32}, true
	case "int64", "int":
		return Type{Int, name, 64}, true
	case "uint8", "byte":
		return Type{Uint, name, 8}, true
	case "uint16":
		return Type{Uint, name, 16}, true
	case "uint32":
		return Type{Uint, name, 32}, true
	case "uint64", "uint":
		return Type{Uint, name, 64}, true
	case "float32":
		return Type{Float, name, 32}, true
	case "float64":
		return Type{Float, name, 64}, true
	case "string":
		return Type{String, name, 0}, true
	}
	return Type{}, false
}

// wireName reports what is wrong with a method name on the wire.
func wireName(s string) string {
	if s == "" || len(s) > wire.MaxMethodName {
		return "a method name has 1 to 32 bytes"
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return "a method name is printable ASCII without space, quote and backslash"
		}
	}
	return ""
}
