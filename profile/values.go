// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"fmt"
	"reflect"
	"strings"
)

// Value is one value of a profile and where it was written.
type Value struct {
	Key    string // such as "processor[dsp0].address_bits"
	Value  string
	Origin Place // the zero Place for a default
}

// Values lists what the profile says, in the order of its fields: what was written, and the defaults that were filled in.
func (p *Profile) Values() []Value {
	var list []Value
	add := func(key string, v reflect.Value) {
		at, written := p.origins[key]
		if written || !v.IsZero() {
			list = append(list, Value{key, text(v), at})
		}
	}
	fields(reflect.ValueOf(p).Elem(), func(key string, v reflect.Value) {
		if !isList(v) {
			add(key, v)
			return
		}
		for i := range v.Len() {
			entry := entryKey(key, v.Index(i))
			fields(v.Index(i), func(k string, f reflect.Value) { add(entry+"."+k, f) })
		}
	})
	return list
}

// text writes a value as TOML does, numbers that are addresses and sizes in hexadecimal.
func text(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return "unknown"
		}
		return text(v.Elem())
	case reflect.String:
		return fmt.Sprintf("%q", v.String())
	case reflect.Uint64, reflect.Int64:
		return fmt.Sprintf("%#x", v.Interface())
	case reflect.Slice:
		var s []string
		for i := range v.Len() {
			s = append(s, text(v.Index(i)))
		}
		return "[" + strings.Join(s, ", ") + "]"
	case reflect.Struct:
		var s []string
		fields(v, func(key string, f reflect.Value) { s = append(s, key+" = "+text(f)) })
		return "{" + strings.Join(s, ", ") + "}"
	}
	return fmt.Sprint(v.Interface())
}
