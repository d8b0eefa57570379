// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"bytes"
	"go/format"
	"regexp"
)

// maxLines is where a file stops being one noun.
const maxLines = 500

var (
	spdx = regexp.MustCompile(`^(//|/\*) SPDX-License-Identifier: (Apache-2\.0|GPL-2\.0|\(?GPL-2\.0(-only)? )`)
	// later finds promises. Written so that it does not find itself.
	later = regexp.MustCompile(`\b(TO[D]O|FIX[M]E|X[X]X)\b`)
)

// lookRules holds the rules about the text of one file.
func lookRules(f *file) (list []problem) {
	switch m := spdx.FindSubmatch(f.src); {
	case m == nil:
		list = append(list, f.problem("no SPDX-License-Identifier in the first line"))
	case f.ast != nil && string(m[2]) != "Apache-2.0":
		list = append(list, f.problem("Go code is Apache-2.0, not %s", m[2]))
	}
	if n := bytes.Count(f.src, []byte("\n")); n > maxLines {
		list = append(list, f.problem("%d lines, at most %d", n, maxLines))
	}
	if m := later.Find(f.src); m != nil {
		list = append(list, f.problem("%s: do it, or write down what is missing where users look", m))
	}
	if f.ast != nil {
		if want, err := format.Source(f.src); err != nil || !bytes.Equal(want, f.src) {
			list = append(list, f.problem("not formatted by gofmt"))
		}
	}
	return list
}

// docRule wants a doc.go with a package comment in every package, or one in main.go, and package comments nowhere else.
func docRule(files []*file) (list []problem) {
	for dir, pkg := range packages(files) {
		code, doc := false, false
		for _, f := range pkg {
			if f.isTest() {
				continue
			}
			code = true
			switch {
			case f.ast.Doc.Text() == "":
			case f.base() == "doc.go", f.base() == "main.go" && f.ast.Name.Name == "main":
				doc = true
			default:
				list = append(list, f.problem("the package comment belongs in doc.go"))
			}
		}
		if code && !doc {
			list = append(list, problem{dir, "no doc.go with a package comment"})
		}
	}
	return list
}

// check holds all rules.
func check(files []*file) (list []problem) {
	for _, f := range files {
		list = append(list, lookRules(f)...)
		list = append(list, importRules(f)...)
		list = append(list, codeRules(f)...)
	}
	list = append(list, docRule(files)...)
	list = append(list, stateRule(files)...)
	return append(list, testMainRule(files)...)
}
