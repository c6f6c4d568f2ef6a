package main

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// render returns the manifest with the model's own values.
func render(manifest string, marks placeholders, model *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	filled := strings.NewReplacer(
		marks.Namespace, model.GetNamespace(), marks.Name, model.GetName(), marks.UID, string(model.GetUID()),
	).Replace(manifest)
	object := &unstructured.Unstructured{}
	return object, object.UnmarshalJSON([]byte(filled))
}
