// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/token"
	"strings"
)

// method reads one method: its directives, then its parameters, then its results.
func (p *parse) method(field *ast.Field, f *ast.FuncType) Method {
	name := field.Names[0]
	m := Method{Name: name.Name, Wire: snake(name.Name), Doc: text(field.Doc)}
	if !cIdentifier(m.Name) || !name.IsExported() {
		p.errorf(name, "method %s: the name begins with a capital letter and has letters of ASCII, digits and _ only", m.Name)
		return m
	}
	refs := make(map[string]Kind)
	place := make(map[string]token.Pos)
	p.directives(field.Doc, &m, refs, place)
	if bad := wireName(m.Wire); bad != "" {
		p.errorf(name, "method %s is %q on the wire: %s", m.Name, m.Wire, bad)
	}
	p.params(f, &m, refs)
	for parameter := range place {
		if _, unused := refs[parameter]; unused {
			p.errorAt(place[parameter], "method %s: no parameter %s of type runtime.Ref", m.Name, parameter)
		}
	}
	p.results(f, &m, name)
	return m
}

func (p *parse) directives(doc *ast.CommentGroup, m *Method, refs map[string]Kind, place map[string]token.Pos) {
	if doc == nil {
		return
	}
	for _, c := range doc.List {
		rest, ok := strings.CutPrefix(c.Text, "//offload:")
		if !ok {
			continue
		}
		words := strings.Fields(rest)
		if len(words) == 0 {
			words = []string{""}
		}
		var kind Kind
		switch words[0] {
		case "method":
			if len(words) != 2 {
				p.errorf(c, "//offload:method wants one name")
			} else {
				m.Wire = words[1]
			}
			continue
		case "in":
			kind = In
		case "out":
			kind = Out
		case "inout":
			kind = InOut
		default:
			p.errorf(c, "//offload:%s: there are method, in, out and inout", words[0])
			continue
		}
		if len(words) == 1 {
			p.errorf(c, "//offload:%s wants the names of parameters", words[0])
		}
		for _, w := range words[1:] {
			if _, twice := refs[w]; twice {
				p.errorf(c, "parameter %s has a direction already; //offload:inout is both", w)
			}
			refs[w], place[w] = kind, c.Pos()
		}
	}
}

// params takes the directions that it uses out of refs.
func (p *parse) params(f *ast.FuncType, m *Method, refs map[string]Kind) {
	if f.TypeParams != nil {
		p.errorf(f.TypeParams, "method %s: type parameters cannot travel", m.Name)
	}
	list := f.Params.List
	if len(list) == 0 || len(list[0].Names) > 1 || !p.is(list[0].Type, "context", "Context") {
		p.errorf(f.Params, "method %s: the first parameter is a context.Context", m.Name)
		clear(refs) // one mistake, one error
		return
	}
	list = list[1:]
	seen := make(map[string]bool)
	for _, field := range list {
		if len(field.Names) == 0 {
			p.errorf(field, "method %s: parameters have names", m.Name)
		}
		for _, id := range field.Names {
			if !cIdentifier(id.Name) || id.Name == "ctx" {
				p.errorf(id, "method %s, parameter %s: a name has letters of ASCII, digits and _, and is not ctx", m.Name, id.Name)
			}
			if seen[id.Name] {
				p.errorf(id, "method %s, parameter %s: the name is taken", m.Name, id.Name)
			}
			seen[id.Name] = true
			if p.is(field.Type, runtimePath, "Ref") {
				kind, known := refs[id.Name]
				if !known {
					p.errorf(id, "method %s, parameter %s: say what the firmware does with it: //offload:in %s, //offload:out or //offload:inout", m.Name, id.Name, id.Name)
				}
				delete(refs, id.Name)
				m.Params = append(m.Params, Param{id.Name, Type{Kind: kind, Go: "runtime.Ref"}})
				continue
			}
			t, ok := p.value(field.Type)
			if !ok {
				p.errorf(field.Type, "method %s, parameter %s of type %s: %s", m.Name, id.Name, source(field.Type), allowed)
			}
			m.Params = append(m.Params, Param{id.Name, t})
		}
	}
}

func (p *parse) results(f *ast.FuncType, m *Method, name *ast.Ident) {
	var list []ast.Expr
	if f.Results != nil {
		for _, field := range f.Results.List {
			for range max(1, len(field.Names)) {
				list = append(list, field.Type)
			}
		}
	}
	n := len(list)
	if n == 0 || !isIdent(list[n-1], "error") || n > 2 {
		p.errorf(name, "method %s: it returns error, or one result and error", m.Name)
		return
	}
	if n == 2 {
		t, ok := p.value(list[0])
		if !ok {
			p.errorf(list[0], "method %s, result of type %s: %s", m.Name, source(list[0]), allowed)
		}
		m.Result = &t
	}
}

// value is the type of a plain value.
func (p *parse) value(e ast.Expr) (Type, bool) {
	switch e := e.(type) {
	case *ast.Ident:
		return basic(e.Name)
	case *ast.ArrayType:
		if e.Len == nil && (isIdent(e.Elt, "byte") || isIdent(e.Elt, "uint8")) {
			return Type{Kind: Bytes, Go: "[]byte"}, true
		}
	}
	return Type{}, false
}

// is reports whether e is name of the package with that path.
func (p *parse) is(e ast.Expr, path, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && p.imports[x.Name] == path
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// source is an expression as it is written.
func source(e ast.Expr) string {
	var b bytes.Buffer
	if err := format.Node(&b, token.NewFileSet(), e); err != nil {
		return "?"
	}
	return b.String()
}

// text is a comment without its marks and directives.
func text(doc *ast.CommentGroup) []string {
	t := strings.TrimSpace(doc.Text()) // of a nil group, too; directives are left out
	if t == "" {
		return nil
	}
	return strings.Split(t, "\n")
}
