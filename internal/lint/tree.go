// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// module is the import path of the tree.
const module = "github.com/offload-runtime/offload"

// file is one source file.
type file struct {
	path string // from the root, with slashes
	src  []byte
	fset *token.FileSet
	ast  *ast.File // nil for other languages
}

// problem is a broken rule.
type problem struct {
	where, what string
}

func (p problem) String() string { return p.where + ": " + p.what }

func (f *file) problem(format string, args ...any) problem {
	return problem{f.path, fmt.Sprintf(format, args...)}
}

func (f *file) at(n ast.Node, format string, args ...any) problem {
	return problem{fmt.Sprintf("%s:%d", f.path, f.fset.Position(n.Pos()).Line), fmt.Sprintf(format, args...)}
}

func (f *file) dir() string  { return path.Dir(f.path) }
func (f *file) base() string { return path.Base(f.path) }
func (f *file) room() string { room, _, _ := strings.Cut(f.path, "/"); return room }
func (f *file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// imports lists the import paths with their places.
func (f *file) imports() map[string]ast.Node {
	m := make(map[string]ast.Node)
	for _, spec := range f.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			m[p] = spec
		}
	}
	return m
}

// parse makes a file of its bytes.
func parse(name string, src []byte) (*file, error) {
	f := &file{path: name, src: src, fset: token.NewFileSet()}
	if !strings.HasSuffix(name, ".go") {
		return f, nil
	}
	var err error
	f.ast, err = parser.ParseFile(f.fset, name, src, parser.ParseComments)
	return f, err
}

// load reads the sources below root.
func load(root string) ([]*file, error) {
	var files []*file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			hidden := name != root && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_"))
			if hidden || d.Name() == "testdata" || d.Name() == "out" {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !slices.Contains([]string{".go", ".c", ".h", ".S"}, path.Ext(d.Name())) {
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f, err := parse(filepath.ToSlash(rel), src)
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

// packages groups the Go files by directory.
func packages(files []*file) map[string][]*file {
	m := make(map[string][]*file)
	for _, f := range files {
		if f.ast != nil {
			m[f.dir()] = append(m[f.dir()], f)
		}
	}
	return m
}

// isCall reports whether n calls pkg.name.
func isCall(n ast.Node, pkg string, names ...string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == pkg && slices.Contains(names, sel.Sel.Name)
}
