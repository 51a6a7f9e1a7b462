{{- define "kamailio-exporter.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "kamailio-exporter.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kamailio-exporter.labels" -}}
{{ include "kamailio-exporter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "kamailio-exporter.image" -}}
{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "kamailio-exporter.container" -}}
name: exporter
image: {{ include "kamailio-exporter.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  {{- if eq .Values.mode "sidecar" }}
  - --kamailio.scrape-uri=unix:/run/kamailio/kamailio_ctl
  {{- else if .Values.standalone.scrapeUri }}
  - {{ printf "--kamailio.scrape-uri=%s" .Values.standalone.scrapeUri | quote }}
  {{- end }}
  - --web.listen-address=:9494
  {{- range .Values.standalone.probe.allow }}
  - {{ printf "--probe.allow=%s" . | quote }}
  {{- end }}
  {{- range .Values.args }}
  - {{ . | quote }}
  {{- end }}
ports:
  - name: metrics
    containerPort: 9494
livenessProbe:
  httpGet: {path: /-/healthy, port: metrics}
readinessProbe:
  httpGet: {path: /-/ready, port: metrics}
resources: {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- if eq .Values.mode "sidecar" }}
volumeMounts:
  - {name: kamailio-run, mountPath: /run/kamailio, readOnly: true}
{{- end }}
{{- end }}
