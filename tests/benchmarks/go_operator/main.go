// Command go_operator is what the operator is compared with: a plain controller as one would write it with client-go.
//
// It keeps models and children in informers, applies the children of every model that differ from its cache, and writes
// one field of the status. What it applies comes from a plan, so that both operators make the same children.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// plan says what to watch and what to write. Manifests have placeholders where a model's own values belong.
type plan struct {
	Manager      string
	Placeholders placeholders
	Model        kind
	Children     []child
	// Watched are kinds that are only kept in memory.
	Watched []kind
}

type placeholders struct{ Namespace, Name, UID string }

type kind struct{ Group, Version, Resource, Labels string }

func (k kind) resource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: k.Group, Version: k.Version, Resource: k.Resource}
}

type child struct {
	kind
	Manifest string
}

func main() {
	server := flag.String("server", "", "address of the API server")
	account := flag.String("account", "", "folder of the service account")
	file := flag.String("plan", "", "file with the plan")
	workers := flag.Int("workers", 10, "models reconciled at the same time")
	flag.Parse()
	if err := run(*server, *account, *file, *workers); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(server, account, file string, workers int) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var plan plan
	if err := json.Unmarshal(text, &plan); err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(&rest.Config{
		Host:            server,
		BearerTokenFile: filepath.Join(account, "token"),
		TLSClientConfig: rest.TLSClientConfig{CAFile: filepath.Join(account, "ca.crt")},
		// The API server limits its clients itself.
		QPS: -1,
	})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return newController(client, &plan).run(ctx, workers)
}
