{{- define "e2i.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "e2i.selector" -}}
app.kubernetes.io/name: e2i-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "e2i.labels" -}}
{{ include "e2i.selector" . }}
app.kubernetes.io/part-of: e2i
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{- define "e2i.gateway.name" -}}
{{ printf "%s-gateway" (include "e2i.name" . | trimSuffix "-operator" | trunc 55 | trimSuffix "-") }}
{{- end }}

{{- define "e2i.gateway.selector" -}}
app.kubernetes.io/name: e2i-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "e2i.gateway.labels" -}}
{{ include "e2i.gateway.selector" . }}
{{ include "e2i.labels" . | trimPrefix (include "e2i.selector" .) | trim }}
{{- end }}

{{- define "e2i.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{ .Values.image.repository }}{{ if hasPrefix "sha256:" $tag }}@{{ else }}:{{ end }}{{ $tag }}
{{- end }}

{{/* Seconds until a pod of the gateway is killed: until it takes no more requests, for the slowest of them, and some to end. */}}
{{- define "e2i.gateway.gracePeriodSeconds" -}}
{{- $drain := get .Values.gateway.settings "E2I_GATEWAY_DRAIN_SECONDS" | default "5" | float64 | ceil -}}
{{- $slowest := get .Values.gateway.settings "E2I_GATEWAY_TIMEOUT_SECONDS" | default "60" | float64 | ceil -}}
{{- add $drain $slowest 15 -}}
{{- end }}
