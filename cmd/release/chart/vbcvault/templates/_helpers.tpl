{{/* Where everything lies in the container: as with the packages. */}}
{{- define "vbcvault.configDir" -}}/etc/vbcvault{{- end }}
{{- define "vbcvault.stateDir" -}}/var/lib/vbcvault{{- end }}
{{- define "vbcvault.metricsPort" -}}9180{{- end }}
{{- define "vbcvault.webPort" -}}8180{{- end }}

{{- define "vbcvault.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{/* 52 letters: a CronJob adds 11 to the names of its jobs, which have at most 63. */}}
{{- define "vbcvault.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "vbcvault.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "vbcvault.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "vbcvault.selectorLabels" -}}
app.kubernetes.io/name: {{ include "vbcvault.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "vbcvault.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "vbcvault.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "vbcvault.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "vbcvault.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "vbcvault.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default (.Chart.AppVersion | replace "+" "_") .Values.image.tag }}
{{- end -}}
{{- end }}

{{/* The claim has one name in both modes: whoever changes the mode keeps the manifests. */}}
{{- define "vbcvault.claim" -}}
{{- default (printf "%s-state" (include "vbcvault.fullname" .)) .Values.persistence.existingClaim -}}
{{- end }}

{{/* "true" if manifests are in a database, which several pods may share, "" if they are on a volume of one pod. */}}
{{- define "vbcvault.shared" -}}
{{- if and (eq .Values.mode "service") (or .Values.database.secret (include "vbcvault.given" . | fromYaml).database) -}}true{{- end -}}
{{- end }}

{{/* "true" if the page is answered by a pod of its own: those that share the work come and go. */}}
{{- define "vbcvault.pageApart" -}}
{{- if and (include "vbcvault.shared" .) .Values.web.enabled -}}true{{- end -}}
{{- end }}

{{/* The page's pod. Another name than that of the others, since it is none of them: 48 letters, see above. */}}
{{- define "vbcvault.pageName" -}}
{{- include "vbcvault.fullname" . | trunc 48 | trimSuffix "-" }}-web
{{- end }}

{{- define "vbcvault.pageSelectorLabels" -}}
app.kubernetes.io/name: {{ include "vbcvault.name" . }}-web
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels of whichever pod answers the page. */}}
{{- define "vbcvault.webSelectorLabels" -}}
{{- if include "vbcvault.pageApart" . -}}
{{- include "vbcvault.pageSelectorLabels" . -}}
{{- else -}}
{{- include "vbcvault.selectorLabels" . -}}
{{- end -}}
{{- end }}
