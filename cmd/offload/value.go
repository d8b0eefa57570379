// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// parseValue reads a plain argument of a call.
func parseValue(s string) (any, error) {
	if kind, rest, ok := strings.Cut(s, ":"); ok {
		switch kind {
		case "s":
			return rest, nil
		case "x":
			b, err := hex.DecodeString(rest)
			if err != nil {
				return nil, fmt.Errorf("%q: hexadecimal bytes have an even number of digits 0-9a-f", rest)
			}
			return b, nil
		case "f":
			f, err := strconv.ParseFloat(rest, 64)
			if err != nil {
				return nil, fmt.Errorf("%q is not a floating-point number", rest)
			}
			return f, nil
		case "j":
			return parseJSON(rest)
		}
		return nil, fmt.Errorf("%q: there is no %q:, only s: (text), x: (hexadecimal bytes), f: (floating point) and j: (JSON)", s, kind)
	}
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "nil":
		return nil, nil
	}
	return parseInteger(s)
}

func parseInteger(s string) (any, error) {
	u, err := strconv.ParseUint(s, 0, 64)
	if err == nil {
		return u, nil
	}
	i, err := strconv.ParseInt(s, 0, 64)
	switch {
	case err == nil:
		return i, nil
	case errors.Is(err, strconv.ErrRange):
		return nil, fmt.Errorf("%s does not fit into 64 bits", s)
	}
	return nil, fmt.Errorf("%q is neither an integer, true, false nor nil; text is s:%s, a floating-point number f:1.5", s, s)
}

// parseJSON reads a JSON value with integers as integers.
func parseJSON(s string) (any, error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("%q is not JSON: %w", s, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%q: something follows the JSON value", s)
	}
	return numbers(v)
}

// numbers replaces json.Number by integers and floats.
func numbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		if n, err := parseInteger(v.String()); err == nil {
			return n, nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("%s is no number that 64 bits can hold", v)
		}
		return f, nil
	case []any:
		for i := range v {
			if v[i], err = numbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = numbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// parseSize reads a number of bytes with an optional suffix K, M or G, which are powers of 1024.
func parseSize(s string) (int64, error) {
	digits, shift := s, 0
	for i, suffix := range []string{"K", "M", "G"} {
		for _, full := range []string{suffix, suffix + "iB"} {
			if rest, ok := strings.CutSuffix(strings.ToUpper(s), strings.ToUpper(full)); ok {
				digits, shift = rest, 10*(i+1)
			}
		}
	}
	n, err := strconv.ParseInt(digits, 0, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a size: a number of bytes, with K, M or G for powers of 1024", s)
	case n <= 0:
		return 0, fmt.Errorf("size %s: at least 1 byte", s)
	case n > math.MaxInt64>>shift:
		return 0, fmt.Errorf("size %s: more than 64 bits can count", s)
	}
	return n << shift, nil
}

// isSize tells whether s begins as a size does.
func isSize(s string) bool {
	return s != "" && (s[0] >= '0' && s[0] <= '9' || s[0] == '-' || s[0] == '+')
}

// formatResult writes a result for people and scripts: integers as digits, bytes as the x: of arguments.
func formatResult(v any, hexadecimal bool) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case string:
		if clean(v) == v {
			return v
		}
		return strconv.Quote(v)
	case []byte:
		return "x:" + hex.EncodeToString(v)
	case int8, int16, int32, int64, uint8, uint16, uint32, uint64:
		if hexadecimal {
			return fmt.Sprintf("%#x", v)
		}
		return fmt.Sprint(v)
	case []any, map[string]any, map[any]any:
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(jsonValue(v)); err == nil {
			return strings.TrimSuffix(b.String(), "\n")
		}
	}
	return clean(fmt.Sprint(v))
}

// jsonValue is a result as JSON can hold it: bytes as hexadecimal text, numbers that JSON has not as text.
func jsonValue(v any) any {
	switch v := v.(type) {
	case []byte:
		return hex.EncodeToString(v)
	case float32:
		return jsonValue(float64(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = jsonValue(v[i])
		}
		return list
	case map[string]any:
		m := map[string]any{}
		for k := range v {
			m[k] = jsonValue(v[k])
		}
		return m
	case map[any]any:
		m := map[string]any{}
		for k := range v {
			m[fmt.Sprint(k)] = jsonValue(v[k])
		}
		return m
	}
	return v
}

// typeOf names the type of a result.
func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "nil"
	case bool:
		return "bool"
	case string:
		return "string"
	case []byte:
		return "bytes"
	case float32, float64:
		return "float"
	case []any:
		return "array"
	case map[string]any, map[any]any:
		return "map"
	case int8, int16, int32, int64, uint8, uint16, uint32, uint64:
		return "integer"
	}
	return fmt.Sprintf("%T", v)
}
