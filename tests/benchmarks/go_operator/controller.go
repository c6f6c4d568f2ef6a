package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

type controller struct {
	client    dynamic.Interface
	plan      *plan
	queue     workqueue.TypedRateLimitingInterface[string]
	models    cache.SharedIndexInformer
	children  []cache.SharedIndexInformer
	informers []cache.SharedIndexInformer
}

func newController(client dynamic.Interface, plan *plan) *controller {
	c := &controller{
		client: client,
		plan:   plan,
		queue:  workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]()),
	}
	for _, child := range plan.Children {
		informer := c.follow(child.kind)
		_, _ = informer.AddEventHandler(handler(c.enqueueOwner))
		c.children = append(c.children, informer)
	}
	for _, kind := range plan.Watched {
		c.follow(kind)
	}
	c.models = c.follow(plan.Model)
	_, _ = c.models.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: c.enqueue,
		UpdateFunc: func(before, after any) {
			if before.(*unstructured.Unstructured).GetGeneration() != after.(*unstructured.Unstructured).GetGeneration() {
				c.enqueue(after)
			}
		},
	})
	return c
}

// follow makes an informer of a kind in all namespaces.
func (c *controller) follow(kind kind) cache.SharedIndexInformer {
	selected := func(options *metav1.ListOptions) { options.LabelSelector = kind.Labels }
	informer := dynamicinformer.NewFilteredDynamicInformer(
		c.client, kind.resource(), metav1.NamespaceAll, 0, cache.Indexers{}, selected).Informer()
	c.informers = append(c.informers, informer)
	return informer
}

func handler(act func(any)) cache.ResourceEventHandlerFuncs {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    act,
		UpdateFunc: func(_, after any) { act(after) },
		DeleteFunc: act,
	}
}

func (c *controller) enqueue(object any) {
	if key, err := cache.MetaNamespaceKeyFunc(object); err == nil {
		c.queue.Add(key)
	}
}

func (c *controller) enqueueOwner(object any) {
	if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	child := object.(*unstructured.Unstructured)
	if owner := metav1.GetControllerOf(child); owner != nil {
		c.queue.Add(child.GetNamespace() + "/" + owner.Name)
	}
}

// run reconciles until the context ends. It says `ready` once the caches are filled.
func (c *controller) run(ctx context.Context, workers int) error {
	var synced []cache.InformerSynced
	for _, informer := range c.informers {
		go informer.Run(ctx.Done())
		synced = append(synced, informer.HasSynced)
	}
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return ctx.Err()
	}
	fmt.Println("ready")
	var ended sync.WaitGroup
	for range workers {
		ended.Go(func() {
			for c.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	c.queue.ShutDown()
	ended.Wait()
	return nil
}

func (c *controller) next(ctx context.Context) bool {
	key, shutdown := c.queue.Get()
	if shutdown {
		return false
	}
	defer c.queue.Done(key)
	if err := c.reconcile(ctx, key); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", key, err)
		c.queue.AddRateLimited(key)
		return true
	}
	c.queue.Forget(key)
	return true
}

func (c *controller) reconcile(ctx context.Context, key string) error {
	found, exists, err := c.models.GetStore().GetByKey(key)
	if err != nil || !exists {
		return err
	}
	model := found.(*unstructured.Unstructured)
	if model.GetDeletionTimestamp() != nil {
		return nil
	}
	for number, child := range c.plan.Children {
		if err := c.ensure(ctx, child, c.children[number].GetStore(), model); err != nil {
			return err
		}
	}
	return c.writeStatus(ctx, model)
}

// ensure applies a child unless the cache has it as it is wanted.
func (c *controller) ensure(ctx context.Context, child child, known cache.Store, model *unstructured.Unstructured) error {
	wanted, err := render(child.Manifest, c.plan.Placeholders, model)
	if err != nil {
		return err
	}
	found, exists, err := known.GetByKey(wanted.GetNamespace() + "/" + wanted.GetName())
	if err != nil {
		return err
	}
	if exists && equality.Semantic.DeepDerivative(wanted.Object, found.(*unstructured.Unstructured).Object) {
		return nil
	}
	_, err = c.client.Resource(child.resource()).Namespace(wanted.GetNamespace()).Apply(
		ctx, wanted.GetName(), wanted, metav1.ApplyOptions{FieldManager: c.plan.Manager, Force: true})
	return err
}

func (c *controller) writeStatus(ctx context.Context, model *unstructured.Unstructured) error {
	observed, _, _ := unstructured.NestedInt64(model.Object, "status", "observedGeneration")
	if observed == model.GetGeneration() {
		return nil
	}
	patch := fmt.Appendf(nil, `{"status":{"observedGeneration":%d}}`, model.GetGeneration())
	_, err := c.client.Resource(c.plan.Model.resource()).Namespace(model.GetNamespace()).Patch(
		ctx, model.GetName(), types.MergePatchType, patch, metav1.PatchOptions{FieldManager: c.plan.Manager}, "status")
	return err
}
