// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"strings"
)

// lines says where keys stand in a file. The TOML library reports places only for errors of its own.
type lines map[string][]int // "processor.name" → line of each occurrence of the table, 0 where the table lacks the key

// places reads the layout of a file that is known to be TOML. It knows headers and bare keys at the start of a line, which
// is how such files are written; for anything else the place stays unknown.
func places(text []byte) lines {
	at := lines{}
	counts := map[string]int{}
	table := ""
	for i, line := range strings.Split(string(text), "\n") {
		s := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(s, "["):
			table = strings.Trim(strings.SplitN(s, "#", 2)[0], "[] \t\r")
			counts[table]++
			at.set(table, counts[table]-1, i+1)
		case s != "" && s[0] != '#':
			key, _, ok := strings.Cut(s, "=")
			if !ok {
				continue
			}
			full := strings.TrimSpace(key)
			if table != "" {
				full = table + "." + full
			}
			at.set(full, max(counts[table]-1, 0), i+1)
		}
	}
	return at
}

func (l lines) set(key string, n, line int) {
	for len(l[key]) <= n {
		l[key] = append(l[key], 0)
	}
	if l[key][n] == 0 {
		l[key][n] = line
	}
}

// line is the line of a key in the n-th table of its kind; that of the table where it lacks the key. n -1 is the first.
func (l lines) line(key string, n int) int {
	if n < 0 {
		for _, line := range l[key] {
			if line > 0 {
				return line
			}
		}
		return 0
	}
	if n < len(l[key]) && l[key][n] > 0 {
		return l[key][n]
	}
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		return l.line(key[:i], n)
	}
	return 0
}

// after is the first line of a key behind a line, 0 where there is none.
func (l lines) after(key string, line int) int {
	for _, n := range l[key] {
		if n > line {
			return n
		}
	}
	return 0
}
