// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"strconv"
	"strings"
)

// Skeleton is the beginning of a description: the methods of a firmware as it lists them. A firmware tells names only, so
// parameters and results are to be filled in. Names that no description can have are left out and noted.
func Skeleton(pkg, firmware string, methods []string) ([]byte, error) {
	if !isPackage(pkg) {
		return nil, fmt.Errorf("package %q: not a name for a package: %w", pkg, os.ErrInvalid)
	}
	if len(methods) == 0 {
		return nil, fmt.Errorf("firmware %q has no methods: %w", firmware, os.ErrInvalid)
	}
	var b bytes.Buffer
	name := camel(firmware)
	fmt.Fprintf(&b, "package %s\n\nimport \"context\"\n\n", pkg)
	fmt.Fprintf(&b, "// %s is the firmware that calls itself %s. It tells the names of its methods only:\n", name, quote(firmware))
	b.WriteString("// parameters and results are to be filled in.\n")
	fmt.Fprintf(&b, "type %s interface {\n", name)
	used := make(map[string]bool)
	for n, wire := range methods {
		if n > 0 {
			b.WriteByte('\n')
		}
		if wireName(wire) != "" {
			fmt.Fprintf(&b, "\t// Method %d, %s, has a name that a description cannot have.\n", n, quote(wire))
			continue
		}
		method := camel(wire)
		for base, i := method, 2; used[snake(method)]; i++ {
			method = base + strconv.Itoa(i)
		}
		used[snake(method)] = true
		fmt.Fprintf(&b, "\t// %s is the method %s.\n", method, quote(wire))
		if snake(method) != wire {
			fmt.Fprintf(&b, "\t//\n\t//offload:method %s\n", wire)
		}
		fmt.Fprintf(&b, "\t%s(ctx context.Context) error\n", method)
	}
	b.WriteString("}\n")
	src, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("skeleton for %q: %w", firmware, err)
	}
	return src, nil
}

// quote makes a text from a firmware harmless in a comment.
func quote(s string) string { return strings.ReplaceAll(strconv.QuoteToASCII(s), "*/", "* /") }
