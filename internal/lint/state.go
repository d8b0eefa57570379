// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"go/ast"
	"go/token"
	"strings"
)

// allowedState are the package variables that stay, with the reason.
var allowedState = map[string]string{
	"internal/sys.tracker": "descriptors are made in every room, and a test binary wants to know of all of them",
}

// pure are functions whose result is a constant in all but the language's opinion.
var pure = map[string]bool{
	"errors.New": true, "fmt.Errorf": true, "regexp.MustCompile": true, "crc32.MakeTable": true, "strings.NewReplacer": true,
	"semver.MustParse": true, "big.NewInt": true, "reflect.TypeFor": true, "reflect.TypeOf": true,
}

// stateRule refuses package variables that are neither errors nor expressions nor tables, and writes to tables.
func stateRule(files []*file) (list []problem) {
	for dir, pkg := range packages(files) {
		tables := make(map[string]bool)
		for _, f := range pkg {
			if f.isTest() {
				continue
			}
			for _, d := range f.ast.Decls {
				decl, ok := d.(*ast.GenDecl)
				if !ok || decl.Tok != token.VAR {
					continue
				}
				for _, s := range decl.Specs {
					spec := s.(*ast.ValueSpec)
					embedded := hasEmbed(decl.Doc) || hasEmbed(spec.Doc)
					for i, id := range spec.Names {
						tables[id.Name] = true
						if id.Name == "_" || embedded || allowedState[dir+"."+id.Name] != "" {
							continue
						}
						if i >= len(spec.Values) || !constant(spec.Values[i]) && !sentinel(id.Name, spec.Values[i]) {
							list = append(list, f.at(id, "package variable %s: state belongs to a value that somebody owns", id.Name))
						}
					}
				}
			}
		}
		for _, f := range pkg {
			list = append(list, writes(f, dir, tables)...)
		}
	}
	return list
}

func hasEmbed(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	for _, c := range doc.List {
		if strings.HasPrefix(c.Text, "//go:embed ") {
			return true
		}
	}
	return false
}

// sentinel reports whether a variable is by its name an error and made in some way.
func sentinel(name string, e ast.Expr) bool {
	_, made := e.(*ast.CallExpr)
	return made && (strings.HasPrefix(name, "err") || strings.HasPrefix(name, "Err"))
}

// constant reports whether an expression is one that a table or an error is made of.
func constant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CompositeLit:
		return true
	case *ast.UnaryExpr:
		return e.Op == token.AND && constant(e.X)
	case *ast.CallExpr:
		switch fun := e.Fun.(type) {
		case *ast.SelectorExpr:
			if x, ok := fun.X.(*ast.Ident); ok {
				return pure[x.Name+"."+fun.Sel.Name]
			}
		case *ast.IndexExpr: // reflect.TypeFor[T]()
			if sel, ok := fun.X.(*ast.SelectorExpr); ok {
				x, ok := sel.X.(*ast.Ident)
				return ok && pure[x.Name+"."+sel.Sel.Name]
			}
		}
	}
	return false
}

// writes finds assignments to package variables. A name that the parser resolved inside of a function is a local one.
func writes(f *file, dir string, vars map[string]bool) (list []problem) {
	check := func(e ast.Expr) {
		for {
			switch x := e.(type) {
			case *ast.IndexExpr:
				e = x.X
				continue
			case *ast.ParenExpr:
				e = x.X
				continue
			case *ast.Ident:
				local := x.Obj != nil && x.Obj != f.ast.Scope.Lookup(x.Name)
				if vars[x.Name] && x.Name != "_" && !local && allowedState[dir+"."+x.Name] == "" {
					list = append(list, f.at(x, "writes to package variable %s", x.Name))
				}
			}
			return
		}
	}
	if f.isTest() {
		return nil
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					check(e)
				}
			}
		case *ast.IncDecStmt:
			check(n.X)
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "delete" || id.Name == "clear") && len(n.Args) > 0 {
				check(n.Args[0])
			}
		}
		return true
	})
	return list
}
