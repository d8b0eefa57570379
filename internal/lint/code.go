// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"go/ast"
	"slices"
	"strings"
)

// testSupport are the packages that exist for tests only, and talk to the test's environment.
var testSupport = []string{"internal/leak", "internal/testenv", "internal/lint", "internal/contract"}

// codeRules holds the rules about statements for one file.
func codeRules(f *file) (list []problem) {
	if f.ast == nil {
		return nil
	}
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			list = append(list, f.at(fn, "init function: do it where it is needed, or in a table"))
		}
	}
	program := f.room() == "cmd" || f.room() == "test" || f.room() == "docs" || f.room() == "examples" ||
		slices.Contains(testSupport, f.dir())
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch {
		case isCall(n, "synctest", "Test"): // its clock is not the wall's
			return false
		case f.isTest() && isCall(n, "time", "Sleep"):
			list = append(list, f.at(n, "time.Sleep in a test: wait for what happens, or use testing/synctest"))
		case f.isTest() || program:
		case isCall(n, "os", "Exit", "Getenv", "LookupEnv", "Environ"), isCall(n, "fmt", "Print", "Printf", "Println"):
			list = append(list, f.at(n, "only programs print, exit and read the environment"))
		}
		return true
	})
	if at, ok := f.imports()["log"]; ok && !program && !f.isTest() {
		list = append(list, f.at(at, "libraries log only through a *slog.Logger that they are given"))
	}
	return list
}

// testMainRule wants the leak check in every package that has tests.
func testMainRule(files []*file) (list []problem) {
	for dir, pkg := range packages(files) {
		tests, main := false, false
		for _, f := range pkg {
			if !f.isTest() {
				continue
			}
			for _, d := range f.ast.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || fn.Recv != nil {
					continue
				}
				if fn.Name.Name == "TestMain" {
					ast.Inspect(fn, func(n ast.Node) bool { main = main || isCall(n, "leak", "Main"); return true })
				} else if strings.HasPrefix(fn.Name.Name, "Test") || strings.HasPrefix(fn.Name.Name, "Fuzz") {
					tests = true
				}
			}
		}
		if tests && !main {
			list = append(list, problem{dir, "has tests but no TestMain that calls leak.Main"})
		}
	}
	return list
}
