// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
)

const runtimePath = "github.com/offload-runtime/offload/runtime"

const allowed = "a parameter is a boolean, a number, a string, []byte or runtime.Ref; a result is one of these without runtime.Ref"

// Parse reads a description. name is for errors, which have the form NAME:LINE:COLUMN: text; all that are found are joined.
func Parse(name string, src []byte) (*File, error) {
	p := &parse{fset: token.NewFileSet(), imports: make(map[string]string)}
	f, err := parser.ParseFile(p.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("not a Go file: %w", err)
	}
	out := &File{Name: name, Package: f.Name.Name}
	if len(f.Comments) > 0 && f.Comments[0].Pos() < f.Package {
		for _, c := range f.Comments[0].List {
			if strings.HasPrefix(c.Text, "// SPDX-License-Identifier: ") {
				out.License = c.Text
			}
		}
	}
	for _, spec := range f.Imports {
		path, _ := strconv.Unquote(spec.Path.Value) // the parser has looked at it
		local := path[strings.LastIndexByte(path, '/')+1:]
		if spec.Name != nil {
			local = spec.Name.Name
		}
		p.imports[local] = path
	}
	for _, d := range f.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.TYPE {
			continue
		}
		for _, s := range decl.Specs {
			spec := s.(*ast.TypeSpec)
			if t, ok := spec.Type.(*ast.InterfaceType); ok {
				doc := spec.Doc
				if doc == nil && len(decl.Specs) == 1 {
					doc = decl.Doc
				}
				out.Interfaces = append(out.Interfaces, p.iface(spec, t, doc))
			}
		}
	}
	if len(out.Interfaces) == 0 && len(p.errs) == 0 {
		p.errorf(f.Name, "no interface in this file: its methods would be those of the firmware")
	}
	p.collisions(f, out)
	if err := errors.Join(p.errs...); err != nil {
		return nil, err
	}
	return out, nil
}

type parse struct {
	fset    *token.FileSet
	imports map[string]string // local name to path
	errs    []error
}

func (p *parse) errorf(at ast.Node, format string, args ...any) { p.errorAt(at.Pos(), format, args...) }

func (p *parse) errorAt(at token.Pos, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%v: "+format, append([]any{p.fset.Position(at)}, args...)...))
}

func (p *parse) iface(spec *ast.TypeSpec, t *ast.InterfaceType, doc *ast.CommentGroup) Interface {
	i := Interface{Name: spec.Name.Name, Doc: text(doc)}
	switch {
	case spec.TypeParams != nil:
		p.errorf(spec.TypeParams, "interface %s: type parameters cannot travel", i.Name)
	case !cIdentifier(i.Name):
		p.errorf(spec.Name, "interface %s: the name is also one in C: letters of ASCII, digits and _", i.Name)
	case len(t.Methods.List) == 0:
		p.errorf(spec.Name, "interface %s has no methods", i.Name)
	}
	for _, field := range t.Methods.List {
		f, ok := field.Type.(*ast.FuncType)
		if !ok || len(field.Names) != 1 {
			p.errorf(field, "interface %s: only methods, no embedded interfaces and no type sets", i.Name)
			continue
		}
		i.Methods = append(i.Methods, p.method(field, f))
	}
	return i
}

// collisions finds names that are the same in what is generated.
func (p *parse) collisions(at *ast.File, f *File) {
	prefixes := make(map[string]string)
	for _, i := range f.Interfaces {
		if other, taken := prefixes[snake(i.Name)]; taken {
			p.errorf(at.Name, "interfaces %s and %s are both %s in C", other, i.Name, snake(i.Name))
		}
		prefixes[snake(i.Name)] = i.Name
		wires, functions := make(map[string]string), make(map[string]string)
		for _, m := range i.Methods {
			if other, taken := wires[m.Wire]; taken {
				p.errorf(at.Name, "interface %s: methods %s and %s are both %q on the wire; one needs //offload:method NAME", i.Name, other, m.Name, m.Wire)
			}
			if other, taken := functions[snake(m.Name)]; taken {
				p.errorf(at.Name, "interface %s: methods %s and %s are both %s in C", i.Name, other, m.Name, snake(m.Name))
			}
			wires[m.Wire], functions[snake(m.Name)] = m.Name, m.Name
		}
	}
}
