// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"go/token"
	"slices"
	"strings"
	"unicode"
)

// snake turns AddI16 into add_i16 and CRC32C into crc32c: a word begins at a capital letter behind a small one, or before a
// small one.
func snake(name string) string {
	r := []rune(name)
	var b strings.Builder
	for i, c := range r {
		if unicode.IsUpper(c) && i > 0 && r[i-1] != '_' &&
			(unicode.IsLower(r[i-1]) || i+1 < len(r) && unicode.IsLower(r[i+1]) && unicode.IsLetter(r[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// camel turns add_i16 into AddI16. What cannot be in a name is left out.
func camel(name string) string {
	var b strings.Builder
	up := true
	for _, c := range name {
		switch letter := c < unicode.MaxASCII && unicode.IsLetter(c); {
		case letter && up:
			b.WriteRune(unicode.ToUpper(c))
			up = false
		case letter, c >= '0' && c <= '9' && b.Len() > 0:
			b.WriteRune(c)
		default:
			up = true
		}
	}
	if b.Len() == 0 {
		return "Method"
	}
	return b.String()
}

// goName is a parameter's name in the client, where it may not hide what the generated code uses.
func goName(name string) string {
	if _, isType := basic(name); isType || slices.Contains([]string{"c", "err", "fmt", "runtime", "context", "error"}, name) {
		return name + "_"
	}
	return name
}

// cName is a parameter's name in C.
func cName(name string) string {
	if slices.Contains(strings.Fields(`auto break case char const continue default do double else enum extern float for goto if
		inline int long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile
		while asm typeof bool true false call user alignas alignof atomic class delete new private public template this
		throw try catch namespace operator virtual and or not xor main errno`), name) {
		return name + "_"
	}
	return name
}

// cIdentifier reports whether a name can be one in C.
func cIdentifier(name string) bool {
	for i, c := range name {
		if !(c == '_' || c < unicode.MaxASCII && unicode.IsLetter(c) || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return name != "" && name != "_"
}

// isPackage reports whether a name can be that of a package.
func isPackage(name string) bool {
	return token.IsIdentifier(name) && name != "_" && cIdentifier(name)
}
