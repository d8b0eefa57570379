// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
	"maps"
	"reflect"

	"github.com/BurntSushi/toml"
)

// Layer is the text of one file.
type Layer struct {
	File string // for errors and origins
	Text []byte
}

// Merge reads a profile from files that are laid over each other: a key of a later one replaces that of earlier ones. The
// entries of heap and processor are matched by name, those of pool by heap and size, those of quota by label and heap; what
// is new is added. Lists (names, aliases, window, region) are replaced as a whole, since half a list of windows means nothing.
func Merge(layers ...Layer) (*Profile, error) {
	p := &Profile{origins: map[string]Place{}}
	var errs []error
	for _, l := range layers {
		over, given, err := decode(l)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.lay(over, given)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

// Parse reads a profile from one file.
func Parse(file string, text []byte) (*Profile, error) { return Merge(Layer{File: file, Text: text}) }

// keyed is an entry of a list.
type keyed interface{ key() string }

// fields calls f for each value that has a key, and for each list of entries.
func fields(v reflect.Value, f func(key string, v reflect.Value)) {
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("toml"); key != "" && key != "-" {
			f(key, v.Field(i))
		}
	}
}

func isList(v reflect.Value) bool {
	return v.Kind() == reflect.Slice && v.Type().Elem().Implements(reflect.TypeFor[keyed]())
}

func entryKey(list string, entry reflect.Value) string {
	return fmt.Sprintf("%s[%s]", list, entry.Interface().(keyed).key())
}

// decode reads one file. given has the place of every key and entry that the file has.
func decode(l Layer) (p *Profile, given map[string]Place, err error) {
	p = &Profile{Origin: l.File}
	md, err := toml.Decode(string(l.Text), p)
	if err != nil {
		return nil, nil, syntaxError(l.File, err)
	}
	var raw map[string]any
	if err := toml.Unmarshal(l.Text, &raw); err != nil {
		return nil, nil, syntaxError(l.File, err)
	}
	at := places(l.Text)
	var errs []error
	for _, k := range md.Undecoded() {
		key := k.String()
		errs = append(errs, &Error{File: l.File, Line: at.line(key, -1), Key: key, Err: errors.New("unknown key")})
	}
	given = map[string]Place{}
	fields(reflect.ValueOf(p).Elem(), func(list string, v reflect.Value) {
		if !isList(v) {
			if _, has := raw[list]; has {
				given[list] = Place{l.File, at.line(list, -1), list}
			}
			return
		}
		tables := tables(raw[list])
		for i := range v.Len() {
			place := Place{l.File, at.line(list, i), fmt.Sprintf("%s[%d]", list, i)}
			entry := entryKey(list, v.Index(i))
			if _, twice := given[entry]; twice {
				key := fmt.Sprintf("%s[%d].%s", list, i, mainKey[list])
				errs = append(errs, &Error{l.File, at.line(list+"."+mainKey[list], i), key, fmt.Errorf("%s is there twice", entry)})
			}
			given[entry] = place
			fields(v.Index(i), func(key string, f reflect.Value) {
				if i >= len(tables) || tables[i][key] == nil {
					return
				}
				line := at.line(list+"."+key, i)
				if f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct {
					line = at.after(list+"."+key, place.Line)
				}
				given[entry+"."+key] = Place{l.File, line, place.Key + "." + key}
			})
		}
	})
	return p, given, errors.Join(errs...)
}

// mainKey is what an error about an entry as a whole points at.
var mainKey = map[string]string{"heap": "name", "processor": "name", "pool": "size", "quota": "label"}

// tables gives an array of tables in both of the forms that the library has for it: [[heap]] and heap = [{}].
func tables(v any) (list []map[string]any) {
	switch v := v.(type) {
	case []map[string]any:
		return v
	case []any:
		for _, e := range v {
			m, _ := e.(map[string]any)
			list = append(list, m)
		}
	}
	return list
}

// lay puts the keys of over that are given into p.
func (p *Profile) lay(over *Profile, given map[string]Place) {
	p.Origin = over.Origin
	from := reflect.ValueOf(over).Elem()
	fields(reflect.ValueOf(p).Elem(), func(list string, to reflect.Value) {
		src := fieldOf(from, list)
		if !isList(to) {
			if _, has := given[list]; has {
				to.Set(src)
			}
			return
		}
		for i := range src.Len() {
			entry := entryKey(list, src.Index(i))
			dst := find(to, list, entry)
			if !dst.IsValid() {
				to.Set(reflect.Append(to, src.Index(i)))
				continue
			}
			fields(dst, func(key string, f reflect.Value) {
				if _, has := given[entry+"."+key]; has {
					f.Set(fieldOf(src.Index(i), key))
				}
			})
		}
	})
	maps.Copy(p.origins, given)
}

func find(list reflect.Value, name, entry string) reflect.Value {
	for i := range list.Len() {
		if entryKey(name, list.Index(i)) == entry {
			return list.Index(i)
		}
	}
	return reflect.Value{}
}

func fieldOf(v reflect.Value, key string) (f reflect.Value) {
	fields(v, func(k string, x reflect.Value) {
		if k == key {
			f = x
		}
	})
	return f
}
