// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Packages installs the Debian packages that are missing. Without root, and without a sudo that needs no password, it
// returns an error with the line to run.
func (b *Builder) Packages(ctx context.Context) error {
	want, err := readPackages(b.dir("kernel", "packages"))
	if err != nil {
		return err
	}
	missing, err := missingPackages(ctx, want)
	if err != nil || len(missing) == 0 {
		return err
	}
	install := append([]string{"apt-get", "install", "-y", "--no-install-recommends"}, missing...)
	var become []string
	if os.Geteuid() != 0 {
		if exec.CommandContext(ctx, "sudo", "-n", "true").Run() != nil {
			return fmt.Errorf("packages are missing; run\n\n    sudo %s", strings.Join(install, " "))
		}
		become = []string{"sudo", "-n"}
	}
	fmt.Fprintf(b.Log, "installing %s\n", strings.Join(missing, " "))
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	attempt := func(args ...string) error {
		args = append(become, args...)
		return b.run(ctx, b.Root, env, args[0], args[1:]...)
	}
	// The lists of a fresh machine are empty or old; those of a used one are mostly good enough.
	if attempt(install...) == nil {
		return nil
	}
	if err := attempt("apt-get", "update"); err != nil {
		return err
	}
	return attempt(install...)
}

func readPackages(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		names = append(names, strings.Fields(line)...)
	}
	return names, nil
}

func missingPackages(ctx context.Context, want []string) ([]string, error) {
	dpkg, err := exec.LookPath("dpkg-query")
	if err != nil {
		return nil, fmt.Errorf("the emulated boards are built on Debian (%w); elsewhere they take what these packages have: %s",
			err, strings.Join(want, " "))
	}
	// dpkg-query fails if one package is unknown, and prints the others all the same.
	out, _ := exec.CommandContext(ctx, dpkg, append([]string{"-W", "-f", "${Package} ${db:Status-Status}\n"}, want...)...).Output()
	installed := make(map[string]bool)
	for line := range strings.Lines(string(out)) {
		if name, status, ok := strings.Cut(strings.TrimSpace(line), " "); ok && status == "installed" {
			installed[name] = true
		}
	}
	var missing []string
	for _, name := range want {
		if !installed[name] {
			missing = append(missing, name)
		}
	}
	return missing, nil
}
