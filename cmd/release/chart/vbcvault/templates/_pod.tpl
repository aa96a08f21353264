{{/*
The pod. It is called with root, the arguments args of vbcvault, the volume state, and
what it listens for: metrics, web, both or nothing. file is that of the ConfigMap, if it
isn't config.yaml.
*/}}
{{- define "vbcvault.pod" -}}
{{- $ := .root -}}
serviceAccountName: {{ include "vbcvault.serviceAccountName" $ }}
automountServiceAccountToken: false
{{- /* The variables that Kubernetes makes of Services begin with VBCVAULT_ too. */}}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ $.Values.terminationGracePeriodSeconds }}
{{- with $.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  {{- toYaml $.Values.podSecurityContext | nindent 2 }}
containers:
  - name: vbcvault
    image: {{ include "vbcvault.image" $ | quote }}
    imagePullPolicy: {{ $.Values.image.pullPolicy }}
    args:
      {{- toYaml .args | nindent 6 }}
    env:
      - name: VBCVAULT_CONFIG
        value: {{ include "vbcvault.configDir" $ }}/config.yaml
      - name: VBCVAULT_STATE_DIR
        value: {{ include "vbcvault.stateDir" $ }}
      {{- /* Where {credential: NAME} of the configuration is. */}}
      - name: CREDENTIALS_DIRECTORY
        value: {{ include "vbcvault.configDir" $ }}/secrets
      {{- if $.Values.database.secret }}
      - name: VBCVAULT_DATABASE_URL_FILE
        value: {{ include "vbcvault.configDir" $ }}/database/url
      - name: VBCVAULT_DATABASE_PASSWORD_FILE
        value: {{ include "vbcvault.configDir" $ }}/database/password
      {{- end }}
      {{- with $.Values.env }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- with $.Values.envFrom }}
    envFrom:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    securityContext:
      {{- toYaml $.Values.securityContext | nindent 6 }}
    {{- with $.Values.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- if .listens }}
    {{- $alive := dict "tcpSocket" (dict "port" "web") }}
    {{- $ready := $alive }}
    ports:
      {{- if has "metrics" .listens }}
      {{- $alive = dict "httpGet" (dict "path" "/healthz" "port" "metrics") }}
      {{- $ready = dict "httpGet" (dict "path" "/readyz" "port" "metrics") }}
      - name: metrics
        containerPort: {{ include "vbcvault.metricsPort" $ }}
      {{- end }}
      {{- if has "web" .listens }}
      - name: web
        containerPort: {{ include "vbcvault.webPort" $ }}
      {{- end }}
    startupProbe:
      {{- toYaml $alive | nindent 6 }}
      periodSeconds: 5
      timeoutSeconds: 5
      failureThreshold: 120
    livenessProbe:
      {{- toYaml $alive | nindent 6 }}
      periodSeconds: 20
      timeoutSeconds: 10
      failureThreshold: 3
    readinessProbe:
      {{- toYaml $ready | nindent 6 }}
      periodSeconds: 10
      timeoutSeconds: 10
      failureThreshold: 3
    {{- end }}
    volumeMounts:
      - name: config
        mountPath: {{ include "vbcvault.configDir" $ }}/config.yaml
        subPath: {{ .file | default "config.yaml" }}
        readOnly: true
      {{- if $.Values.secrets }}
      - name: secrets
        mountPath: {{ include "vbcvault.configDir" $ }}/secrets
        readOnly: true
      {{- end }}
      {{- if $.Values.database.secret }}
      - name: database
        mountPath: {{ include "vbcvault.configDir" $ }}/database
        readOnly: true
      {{- end }}
      - name: state
        mountPath: {{ include "vbcvault.stateDir" $ }}
      - name: tmp
        mountPath: /tmp
      {{- with $.Values.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  - name: config
    configMap:
      name: {{ include "vbcvault.fullname" $ }}
      defaultMode: 0440
  {{- if $.Values.secrets }}
  - name: secrets
    projected:
      defaultMode: 0440
      sources:
        {{- range $.Values.secrets }}
        - secret: {name: {{ . | quote }}}
        {{- end }}
  {{- end }}
  {{- if $.Values.database.secret }}
  - name: database
    secret:
      secretName: {{ .databaseSecret | default $.Values.database.secret | quote }}
      defaultMode: 0440
  {{- end }}
  - name: state
    {{- toYaml .state | nindent 4 }}
  - name: tmp
    emptyDir: {}
  {{- with $.Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .spread }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "vbcvault.selectorLabels" $ | nindent 8 }}
{{- end }}
{{- end }}

{{/* The volume of one pod. */}}
{{- define "vbcvault.stateVolume" -}}
persistentVolumeClaim:
  claimName: {{ include "vbcvault.claim" . }}
{{- end }}

{{/* Labels and annotations of a pod. It is made anew when the configuration changes. */}}
{{- define "vbcvault.podMetadata" -}}
{{- include "vbcvault.metadataOf" (dict "root" . "labels" (include "vbcvault.labels" .) "config" (include "vbcvault.configText" .)) -}}
{{- end }}

{{- define "vbcvault.metadataOf" -}}
{{- $ := .root -}}
labels:
  {{- with $.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- .labels | nindent 2 }}
annotations:
  checksum/config: {{ .config | sha256sum }}
  {{- with $.Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "vbcvault.serveArgs" -}}
- serve
- --config
- {{ include "vbcvault.configDir" . }}/config.yaml
- --log-format
- {{ .Values.logFormat }}
{{- end }}

{{- define "vbcvault.webArgs" -}}
- web
- --config
- {{ include "vbcvault.configDir" . }}/config.yaml
- --log-format
- {{ .Values.logFormat }}
{{- end }}
