{{- define "loom.labels" -}}
app.kubernetes.io/name: loom
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "loom.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "loom.secret" -}}
{{ required "existingSecret: the name of a Secret with Loom's URLs and keys (values.yaml lists what it holds)" .Values.existingSecret }}
{{- end -}}

{{/* What a service is: its entry, its port, the variable of its host, what it takes from the Secret (name or name=key). */}}
{{- define "loom.services" -}}
gateway:
  entry: apps/gateway/dist/main.js
  port: 4000
  host: LOOM_GATEWAY_HOST
  secrets: [LOOM_EVENT_STREAM_URL, LOOM_COUNTERS_URL, LOOM_MASTER_KEYS, LOOM_CONTENT_KEYS, LOOM_KEY_PEPPERS]
ingest:
  entry: apps/ingest/dist/main.js
  port: 4101
  host: LOOM_INGEST_HOST
  secrets: [LOOM_EVENT_STREAM_URL, LOOM_TRACE_STORE_URL=LOOM_TRACE_STORE_URL_INGEST]
pricing:
  entry: apps/pricing/dist/main.js
  port: 4102
  host: LOOM_PRICING_HOST
  secrets: [LOOM_EVENT_STREAM_URL]
ledger:
  entry: apps/ledger/dist/main.js
  port: 4103
  host: LOOM_LEDGER_HOST
  secrets: [LOOM_EVENT_STREAM_URL, LOOM_TRACE_STORE_URL=LOOM_TRACE_STORE_URL_LEDGER,
    LOOM_CONTROL_STORE_URL=LOOM_CONTROL_STORE_URL_LEDGER,
    LOOM_MASTER_KEYS, LOOM_CONTENT_KEYS, LOOM_SESSION_SECRET, LOOM_LEDGER_SIGNER_URL]
query:
  entry: apps/query/dist/main.js
  port: 4100
  host: LOOM_QUERY_HOST
  secrets: [LOOM_EVENT_STREAM_URL, LOOM_TRACE_STORE_URL=LOOM_TRACE_STORE_URL_QUERY,
    LOOM_CONTROL_STORE_URL=LOOM_CONTROL_STORE_URL_QUERY,
    LOOM_KEY_PEPPERS, LOOM_SESSION_SECRET, LOOM_CONTENT_KEYS]
control:
  entry: apps/control/dist/main.js
  port: 4110
  host: LOOM_CONTROL_HOST
  secrets: [LOOM_EVENT_STREAM_URL, LOOM_CONTROL_STORE_URL=LOOM_CONTROL_STORE_URL_CONTROL, LOOM_COUNTERS_URL, LOOM_MASTER_KEYS, LOOM_KEY_PEPPERS,
    LOOM_SESSION_SECRET, LOOM_FIRST_KEY, LOOM_OPERATOR_KEY, LOOM_FIRST_PASSWORD]
console:
  entry: apps/console/server/main.mjs
  port: 3000
  host: LOOM_CONSOLE_HOST
  secrets: []
{{- end -}}

{{- define "loom.secretEnv" -}}
{{- range .secrets }}
{{- $pair := splitList "=" . }}
- name: {{ first $pair }}
  valueFrom:
    secretKeyRef:
      name: {{ include "loom.secret" $.root }}
      key: {{ last $pair }}
{{- end }}
{{- end -}}

{{- define "loom.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "loom.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{- define "loom.placement" -}}
automountServiceAccountToken: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- end -}}

{{/* The pod of a service: root, component, service (of loom.services). */}}
{{- define "loom.pod" -}}
metadata:
  labels:
    {{- include "loom.labels" . | nindent 4 }}
  annotations:
    prometheus.io/scrape: 'true'
    prometheus.io/port: {{ .service.port | quote }}
    prometheus.io/path: /metrics
spec:
  {{- include "loom.placement" . | nindent 2 }}
  securityContext:
    {{- include "loom.podSecurity" . | nindent 4 }}
  terminationGracePeriodSeconds: 30
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "loom.labels" . | nindent 10 }}
  containers:
    - name: {{ .component }}
      image: {{ include "loom.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: [{{ .service.entry }}]
      securityContext:
        {{- include "loom.containerSecurity" . | nindent 8 }}
      ports:
        - { name: http, containerPort: {{ .service.port }} }
      env:
        - { name: {{ .service.host }}, value: 0.0.0.0 }
        {{- include "loom.secretEnv" (dict "root" .root "secrets" .service.secrets) | nindent 8 }}
        {{- range $name, $value := .env }}
        - { name: {{ $name }}, value: {{ $value | quote }} }
        {{- end }}
        {{- $telemetry := .root.Values.telemetry }}
        {{- $traced := and $telemetry.endpoint (ne .component "console") }}
        {{- if $traced }}
        - { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ $telemetry.endpoint | quote }} }
        {{- range $name, $value := $telemetry.env }}
        - { name: {{ $name }}, value: {{ $value | quote }} }
        {{- end }}
        {{- end }}
        {{- range $name, $value := (index .root.Values .component).env }}
        - { name: {{ $name }}, value: {{ $value | quote }} }
        {{- end }}
      {{- $provides := and (eq .component "control") .root.Values.providerSecret }}
      {{- $reports := and $traced $telemetry.existingSecret }}
      {{- if or $provides $reports }}
      envFrom:
        {{- if $provides }}
        - secretRef: { name: {{ .root.Values.providerSecret }} }
        {{- end }}
        {{- if $reports }}
        - secretRef: { name: {{ $telemetry.existingSecret }} }
        {{- end }}
      {{- end }}
      {{- $health := dict "live" "/healthz" "ready" "/readyz" }}
      startupProbe:
        httpGet: { path: {{ $health.live }}, port: http }
        periodSeconds: 2
        timeoutSeconds: 3
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: {{ $health.live }}, port: http }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: {{ $health.ready }}, port: http }
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      resources: {{ toJson (index .root.Values .component).resources }}
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        {{- if eq .component "console" }}
        - { name: cache, mountPath: /loom/apps/console/.next/cache }
        {{- end }}
        {{- if eq .component "gateway" }}
        - { name: outbox, mountPath: /var/lib/loom }
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: { sizeLimit: 256Mi }
    {{- if eq .component "console" }}
    - name: cache
      emptyDir: { sizeLimit: 256Mi }
    {{- end }}
{{- end -}}

{{/* Variables of gateways besides the Secret's; the drain job has them too. */}}
{{- define "loom.gatewayEnv" -}}
UV_THREADPOOL_SIZE: '8'
LOOM_OUTBOX_URL: log:/var/lib/loom/outbox
LOOM_OUTBOX_BYTES_MAX: {{ .Values.gateway.outbox.bytesMax }}
LOOM_GATEWAY_SNAPSHOT_FILE: /var/lib/loom/snapshot.json
LOOM_OUTBOUND_ALLOW: {{ .Values.outboundAllow | quote }}
{{- end -}}
