// The parts of Argo CD that a test of GitOps needs, in one program: the first argument chooses. Called kustomize, it is
// kustomize, which the repo server runs.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alicebob/miniredis/v2"
	applicationset "github.com/argoproj/argo-cd/v3/cmd/argocd-applicationset-controller/commands"
	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kustomize "sigs.k8s.io/kustomize/kustomize/v5/commands"
)

var commands = map[string]func() *cobra.Command{
	"application-controller":    controller.NewCommand,
	"applicationset-controller": applicationset.NewCommand,
	"repo-server":               reposerver.NewCommand,
	"redis":                     newRedis,
	"lua":                       newLua,
}

func main() {
	if filepath.Base(os.Args[0]) == "kustomize" {
		run(kustomize.NewDefaultCommand(), os.Args[1:])
	}
	if len(os.Args) > 1 && commands[os.Args[1]] != nil {
		run(commands[os.Args[1]](), os.Args[2:])
	}
	fmt.Fprintln(os.Stderr, "argocd application-controller|applicationset-controller|repo-server|redis|lua ...")
	os.Exit(2)
}

func run(command *cobra.Command, arguments []string) {
	command.SetArgs(arguments)
	if err := command.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// newRedis serves Argo CD's cache where the machine has no redis-server: the double that Argo CD's own tests use.
func newRedis() *cobra.Command {
	return &cobra.Command{
		Use:  "redis ADDRESS",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, arguments []string) error {
			server := miniredis.NewMiniRedis()
			if err := server.StartAddr(arguments[0]); err != nil {
				return err
			}
			ended := make(chan os.Signal, 1)
			signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
			<-ended
			server.Close()
			return nil
		},
	}
}

// question is what `lua` reads: the scripts as argocd-cm has them, a model, and the action to run on it, if any.
type question struct {
	Override v1alpha1.ResourceOverride `json:"override"`
	Object   map[string]any            `json:"object"`
	Action   string                    `json:"action"`
}

type answer struct {
	Health  any            `json:"health"`
	Actions any            `json:"actions"`
	Wanted  map[string]any `json:"wanted,omitempty"`
}

// newLua runs the scripts as Argo CD does. Its server, which offers actions, is not part of this program.
func newLua() *cobra.Command {
	return &cobra.Command{
		Use: "lua",
		RunE: func(*cobra.Command, []string) error {
			var asked question
			if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
				return err
			}
			given, err := asked.answer()
			if err != nil {
				return err
			}
			return json.NewEncoder(os.Stdout).Encode(given)
		},
	}
}

func (asked question) answer() (given answer, err error) {
	object := &unstructured.Unstructured{Object: asked.Object}
	overrides := map[string]v1alpha1.ResourceOverride{lua.GetConfigMapKey(object.GroupVersionKind()): asked.Override}
	machine := lua.VM{ResourceOverrides: overrides}
	if given.Health, err = lua.ResourceHealthOverrides(overrides).GetResourceHealth(object); err != nil {
		return given, err
	}
	scripts, err := machine.GetResourceActionDiscovery(object)
	if err != nil {
		return given, err
	}
	if given.Actions, err = machine.ExecuteResourceActionDiscovery(object, scripts); err != nil {
		return given, err
	}
	if asked.Action == "" {
		return given, nil
	}
	action, err := machine.GetResourceAction(object, asked.Action)
	if err != nil {
		return given, err
	}
	changed, err := machine.ExecuteResourceAction(object, action.ActionLua, nil)
	if err != nil {
		return given, err
	}
	given.Wanted = changed[0].UnstructuredObj.Object
	return given, nil
}
