// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"regexp"
	"strings"
)

// Finding is a place in the kernel log that must not be there.
type Finding struct {
	Line int    // from 1
	Text string // the line and some after it
}

// trouble is what the kernel says when something is wrong with it. A remote processor's crash is not among it.
var trouble = []*regexp.Regexp{
	regexp.MustCompile(`Kernel panic - not syncing`),
	regexp.MustCompile(`\bOops\b`),
	regexp.MustCompile(`Internal error:`),
	regexp.MustCompile(`Unable to handle kernel`),
	regexp.MustCompile(`\bBUG:`),
	regexp.MustCompile(`kernel BUG at`),
	regexp.MustCompile(`\bWARNING: CPU:`),
	regexp.MustCompile(`WARNING: (possible|suspicious|inconsistent)`),
	regexp.MustCompile(`INFO: task .* blocked for more than`),
	regexp.MustCompile(`rcu: INFO: .* detected stalls?`),
	regexp.MustCompile(`rcu_.*kthread starved`),
	regexp.MustCompile(`soft lockup`),
	regexp.MustCompile(`scheduling while atomic`),
	regexp.MustCompile(`list_(add|del) corruption`),
	regexp.MustCompile(`refcount_t: `),
	regexp.MustCompile(`Bad page state`),
	regexp.MustCompile(`DMA-API: .*`),
	regexp.MustCompile(`UBSAN: `),
	regexp.MustCompile(`KASAN: `),
	regexp.MustCompile(`Out of memory: Killed process`),
}

// contextLines is how much after a finding's first line goes with it: registers and a call trace.
const contextLines = 30

// Scan looks for trouble in a kernel log. What follows within a finding's context is part of it, not another one.
func Scan(log []byte) []Finding {
	lines := strings.Split(strings.ReplaceAll(string(log), "\r", ""), "\n")
	var found []Finding
	for i := 0; i < len(lines); i++ {
		if !isTrouble(lines[i]) {
			continue
		}
		end := min(i+contextLines, len(lines))
		found = append(found, Finding{Line: i + 1, Text: strings.TrimRight(strings.Join(lines[i:end], "\n"), "\n")})
		i = end - 1
	}
	return found
}

func isTrouble(line string) bool {
	for _, t := range trouble {
		if t.MatchString(line) {
			return true
		}
	}
	return false
}
