// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"bytes"
	"fmt"
	"strings"
)

// Header is the C header for the firmware: what its author implements, and the entries of the method table.
func (f *File) Header() []byte {
	var b bytes.Buffer
	f.head(&b)
	guard := strings.ToUpper(snake(f.Interfaces[0].Name)) + "_OFFLOAD_H"
	fmt.Fprintf(&b, "#ifndef %s\n#define %[1]s\n\n#include \"offload_kit.h\"\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n", guard)
	for _, i := range f.Interfaces {
		prefix := snake(i.Name)
		if len(i.Doc) > 0 {
			b.WriteByte('\n')
			comment(&b, i.Doc)
		}
		b.WriteString("\n// Implement these. Arguments are checked: ranges may be accessed as their types say, numbers fit. A function ends with\n" +
			"// return NAME_result(call, value), return offload_fail(call, code, text), or return OFFLOAD_PENDING and later calls\n" +
			"// NAME_result and offload_answer. Texts and byte strings lie in the payload and end with the function.\n")
		for _, m := range i.Methods {
			b.WriteByte('\n')
			comment(&b, m.Doc)
			fmt.Fprintf(&b, "enum offload_done %s;\n", m.prototype(prefix))
			m.answer(&b, prefix)
		}
		b.WriteString("\n// The other side of the functions: decoding of the arguments.\n\n")
		for _, m := range i.Methods {
			fmt.Fprintf(&b, "enum offload_done %s_run_%s(struct offload_call *call, void *user);\n", prefix, snake(m.Name))
		}
		fmt.Fprintf(&b, "\n// Entries of a method table; user is given to each function.\n#define %s_METHODS(user)", strings.ToUpper(prefix))
		for n, m := range i.Methods {
			end := ""
			if n < len(i.Methods)-1 {
				end = ","
			}
			fmt.Fprintf(&b, " \\\n\t{ \"%s\", %s_run_%s, (user), 0 }%s", m.Wire, prefix, snake(m.Name), end)
		}
		b.WriteByte('\n')
	}
	b.WriteString("\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n")
	return b.Bytes()
}

// Source is the C code that decodes arguments and calls the functions of the header, which has that name.
func (f *File) Source(header string) []byte {
	var b bytes.Buffer
	f.head(&b)
	fmt.Fprintf(&b, "#include \"%s\"\n", header)
	if f.floats32() {
		b.WriteString("\n#include <float.h>\n")
	}
	for _, i := range f.Interfaces {
		for _, m := range i.Methods {
			m.run(&b, snake(i.Name))
		}
	}
	return b.Bytes()
}

func (f *File) floats32() bool {
	for _, i := range f.Interfaces {
		for _, m := range i.Methods {
			for _, p := range m.Params {
				if p.Type.Kind == Float && p.Type.Bits == 32 {
					return true
				}
			}
		}
	}
	return false
}

func (m Method) prototype(prefix string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s_%s(struct offload_call *call, void *user", prefix, snake(m.Name))
	for _, p := range m.Params {
		fmt.Fprintf(&b, ", %s", declare(p.Type, cName(p.Name)))
	}
	b.WriteByte(')')
	return b.String()
}

// declare is a parameter in C.
func declare(t Type, name string) string {
	switch t.Kind {
	case Bool:
		return "bool " + name
	case Int:
		return fmt.Sprintf("int%d_t %s", t.Bits, name)
	case Uint:
		return fmt.Sprintf("uint%d_t %s", t.Bits, name)
	case Float:
		if t.Bits == 32 {
			return "float " + name
		}
		return "double " + name
	case Out, InOut:
		return "struct offload_out " + name
	}
	return "struct offload_in " + name
}

func (m Method) answer(b *bytes.Buffer, prefix string) {
	value, put := "", "offload_put_nil(call)"
	if m.Result != nil {
		value = ", " + declare(*m.Result, "value")
		switch m.Result.Kind {
		case Bool:
			put = "offload_put_bool(call, value)"
		case Int:
			put = "offload_put_i64(call, value)"
		case Uint:
			put = "offload_put_u64(call, value)"
		case Float:
			put = "offload_put_f64(call, value)"
		case String:
			value, put = ", const char *text, size_t length", "offload_put_str(call, text, length)"
		default:
			value, put = ", const void *data, size_t length", "offload_put_bytes(call, data, length)"
		}
	}
	fmt.Fprintf(b, "static inline enum offload_done %s_%s_result(struct offload_call *call%s)\n", prefix, snake(m.Name), value)
	fmt.Fprintf(b, "{\n\t%s;\n\treturn OFFLOAD_DONE;\n}\n", put)
}

func (m Method) run(b *bytes.Buffer, prefix string) {
	fmt.Fprintf(b, "\nenum offload_done %s_run_%s(struct offload_call *call, void *user)\n{\n", prefix, snake(m.Name))
	for _, p := range m.Params {
		name := cName(p.Name)
		switch p.Type.Kind {
		case Bool:
			fmt.Fprintf(b, "\tbool %s = offload_arg_bool(call);\n", name)
		case Int:
			fmt.Fprintf(b, "\tint64_t %s = offload_arg_i64(call);\n", name)
		case Uint:
			fmt.Fprintf(b, "\tuint64_t %s = offload_arg_uint(call, UINT%d_MAX);\n", name, p.Type.Bits)
		case Float:
			fmt.Fprintf(b, "\tdouble %s = offload_arg_f64(call);\n", name)
		case String:
			fmt.Fprintf(b, "\tstruct offload_in %s = offload_arg_str(call);\n", name)
		case Bytes, In:
			fmt.Fprintf(b, "\tstruct offload_in %s = offload_arg_data(call);\n", name)
		case Out:
			fmt.Fprintf(b, "\tstruct offload_out %s = offload_arg_out(call);\n", name)
		case InOut:
			fmt.Fprintf(b, "\tstruct offload_out %s = offload_arg_inout(call);\n", name)
		}
	}
	if len(m.Params) > 0 {
		b.WriteByte('\n')
	}
	// The kit keeps the first failure, so a check behind one that failed changes nothing.
	for _, p := range m.Params {
		name, out := cName(p.Name), ""
		switch {
		case p.Type.Kind == Int && p.Type.Bits < 64:
			out = fmt.Sprintf("%s < INT%d_MIN || %[1]s > INT%[2]d_MAX", name, p.Type.Bits)
		case p.Type.Kind == Float && p.Type.Bits == 32:
			out = fmt.Sprintf("(%s < -FLT_MAX || %[1]s > FLT_MAX) && %[1]s - %[1]s == 0", name) // infinities pass
		default:
			continue
		}
		fmt.Fprintf(b, "\tif (%s)\n\t\toffload_fail(call, OFFLOAD_BAD_ARGUMENTS, \"%s is out of range\");\n", out, p.Name)
	}
	fmt.Fprintf(b, "\tif (!offload_args_end(call))\n\t\treturn OFFLOAD_DONE;\n\treturn %s_%s(call, user", prefix, snake(m.Name))
	for _, p := range m.Params {
		name := cName(p.Name)
		switch {
		case p.Type.Kind == Int && p.Type.Bits < 64, p.Type.Kind == Uint && p.Type.Bits < 64, p.Type.Kind == Float && p.Type.Bits == 32:
			name = fmt.Sprintf("(%s)%s", strings.TrimSpace(declare(p.Type, "")), name)
		}
		fmt.Fprintf(b, ", %s", name)
	}
	b.WriteString(");\n}\n")
}
