{{/* The text of the configuration file. Where the page has a pod of its own, no other one answers it. */}}
{{- define "vbcvault.configText" -}}
{{- include "vbcvault.check" . -}}
{{- include "vbcvault.textFor" (dict "root" . "page" (and .Values.web.enabled (not (include "vbcvault.pageApart" .)))) -}}
{{- end }}

{{/* And of that of the page's pod. */}}
{{- define "vbcvault.pageText" -}}
{{- include "vbcvault.textFor" (dict "root" . "page" true) -}}
{{- end }}

{{- define "vbcvault.textFor" -}}
{{- $page := .page -}}
{{- with .root -}}
{{- if .Values.configText -}}
{{- .Values.configText | trimSuffix "\n" }}
{{- if and (eq .Values.mode "service") (not (hasKey (include "vbcvault.given" . | fromYaml) "service")) }}
service:
  listen: ":{{ include "vbcvault.metricsPort" . }}"
{{- end }}
{{- else -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "state-dir" (include "vbcvault.stateDir" .) -}}
{{- if eq .Values.mode "service" -}}
{{- $_ := set $config "service" (dict "listen" (printf ":%s" (include "vbcvault.metricsPort" .))) -}}
{{- end -}}
{{- if $page -}}
{{- $_ := set $config.web "listen" (printf ":%s" (include "vbcvault.webPort" .)) -}}
{{- end -}}
{{- range $name, $notifier := $config.notify -}}
{{- if hasKey $notifier "true" -}}
{{- /* YAML 1.1, which Helm reads, takes the key on for true. */ -}}
{{- $_ := set $notifier "on" (get $notifier "true") -}}
{{- $_ := unset $notifier "true" -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What the user has written, as a mapping. */}}
{{- define "vbcvault.given" -}}
{{- if .Values.configText -}}
{{- .Values.configText -}}
{{- else -}}
{{- toYaml .Values.config -}}
{{- end -}}
{{- end }}

{{/* Refuses what Kubernetes would take, and what would not work then. */}}
{{- define "vbcvault.check" -}}
{{- $given := include "vbcvault.given" . | fromYaml -}}
{{- $service := eq .Values.mode "service" -}}
{{- with $given.Error -}}
{{- fail (printf "configText is no YAML: %s" .) -}}
{{- end -}}
{{- if and .Values.configText .Values.config -}}
{{- fail "config and configText are both there: write one of them" -}}
{{- end -}}
{{- if not $given.accounts -}}
{{- fail "there is no account to archive: write it below config.accounts, as the chart's README shows, or give --set-file configText=FILE" -}}
{{- end -}}
{{- if not (has (dig "state-dir" (include "vbcvault.stateDir" .) $given) (list (include "vbcvault.stateDir" .))) -}}
{{- fail (printf "config.state-dir must be %s, where the volume is: remove it" (include "vbcvault.stateDir" .)) -}}
{{- end -}}
{{- range $kind := list "accounts" "destinations" "notify" -}}
{{- range list "true" "false" -}}
{{- if hasKey (get $given $kind | default dict) . -}}
{{- fail (printf "config.%s has the name %s. Helm takes yes, no, on and off for true and false: write such a name in quotes" $kind .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (not .Values.secrets) (include "vbcvault.secretFiles" .) -}}
{{- fail (printf "config refers to files in %s/secrets, and secrets names no Secret: write secrets: [NAME], and give that Secret the keys %s" (include "vbcvault.configDir" .) (include "vbcvault.secretFiles" . | replace " " ", ")) -}}
{{- end -}}
{{- if $service -}}
{{- include "vbcvault.checkService" (dict "root" . "given" $given) -}}
{{- else -}}
{{- if .Values.web.enabled -}}
{{- fail "web.enabled needs mode: service. In mode job no program is there to answer the page" -}}
{{- end -}}
{{- if or .Values.serviceMonitor.enabled .Values.prometheusRule.enabled -}}
{{- fail "serviceMonitor.enabled and prometheusRule.enabled need mode: service. In mode job nothing is there to be asked for metrics; use config.notify instead" -}}
{{- end -}}
{{- range .Values.job.accounts -}}
{{- if not (hasKey $given.accounts .) -}}
{{- fail (printf "job.accounts: there is no account %s below config.accounts" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "vbcvault.checkDatabase" (dict "root" . "given" $given) -}}
{{- end }}

{{- define "vbcvault.checkDatabase" -}}
{{- $values := .root.Values -}}
{{- $given := .given -}}
{{- $shared := or $values.database.secret $given.database -}}
{{- if and $shared (not (has "postgres" (splitList "," (index .root.Chart.Annotations "vbcvault/manifests")))) -}}
{{- fail "a database is refused: the program of this chart keeps its manifests in files. Remove database.secret and config.database" -}}
{{- end -}}
{{- if and (or $shared (gt (int $values.replicas) 1)) (ne $values.mode "service") -}}
{{- fail "replicas and a database need mode: service. In mode job Kubernetes starts one pod, with the manifests on its volume" -}}
{{- end -}}
{{- if and (gt (int $values.replicas) 1) (not $shared) -}}
{{- fail "several replicas need a database that they share: set database.secret or config.database, or replicas: 1" -}}
{{- end -}}
{{- if and $values.database.secret $given.database -}}
{{- fail "database.secret and config.database are both there: write one of them" -}}
{{- end -}}
{{- if and $values.database.pageSecret (not (and $values.database.secret $values.web.enabled)) -}}
{{- fail "database.pageSecret is for the page's pod: it needs database.secret and web.enabled" -}}
{{- end -}}
{{- if $shared -}}
{{- range $name, $account := $given.accounts -}}
{{- if not (or (dig "defaults" "signing-key" "" $given) (get ($account | default dict) "signing-key")) -}}
{{- fail (printf "the account %s has no signing-key. Pods that share a database have no file in which to keep it: write config.defaults.signing-key, as in {credential: receipts-key}, and put what vbcvault manifest key prints into that key of a Secret" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "vbcvault.checkService" -}}
{{- $values := .root.Values -}}
{{- $given := .given -}}
{{- $metrics := printf ":%s" (include "vbcvault.metricsPort" .root) -}}
{{- if ne (dig "service" "listen" $metrics $given) $metrics -}}
{{- fail (printf "config.service.listen must be %q, where the probes look: remove service" $metrics) -}}
{{- end -}}
{{- $cron := dig "defaults" "schedule" "cron" "" $given -}}
{{- range $name, $account := $given.accounts -}}
{{- if not (dig "schedule" "cron" $cron ($account | default dict)) -}}
{{- fail (printf "the account %s has no schedule, so it would never be archived: write config.defaults.schedule.cron, or config.accounts.%s.schedule.cron, as in \"17 2 * * *\"" $name $name) -}}
{{- end -}}
{{- end -}}
{{- $page := printf ":%s" (include "vbcvault.webPort" .root) -}}
{{- $web := $given.web | default dict -}}
{{- if $values.web.enabled -}}
{{- if not $web.url -}}
{{- fail "web.enabled needs config.web.url, the address that people open, as in https://calls.example.com" -}}
{{- end -}}
{{- if not (or $web.proxies $web.tls) -}}
{{- fail "web.enabled needs config.web.proxies, the network of the pods of your Ingress controller, which encrypts, as in [10.0.0.0/8]; or config.web.tls" -}}
{{- end -}}
{{- if and $values.configText (ne (dig "listen" "" $web) $page) -}}
{{- fail (printf "web.enabled needs web: listen: %q in configText" $page) -}}
{{- end -}}
{{- if and $web.listen (ne $web.listen $page) -}}
{{- fail (printf "config.web.listen must be %q, where the Service looks: remove it" $page) -}}
{{- end -}}
{{- if and (not $values.configText) (gt (len (dig "oidc" "roles" dict $web)) 1) -}}
{{- fail "config.web.oidc.roles has several roles, whose order counts and which a mapping of Helm loses: give the whole configuration as text, with --set-file configText=FILE" -}}
{{- end -}}
{{- else if $web.listen -}}
{{- fail "config.web.listen is there, but no Service leads to the page: set web.enabled: true, or remove it" -}}
{{- else if $values.web.ingress.enabled -}}
{{- fail "web.ingress.enabled needs web.enabled: true" -}}
{{- end -}}
{{- end }}

{{/* The names of the files in secrets to which the configuration refers, with spaces between. */}}
{{- define "vbcvault.secretFiles" -}}
{{- $dir := printf "%s/secrets/" (include "vbcvault.configDir" .) -}}
{{- $names := list -}}
{{- range regexFindAll (printf "%s[A-Za-z0-9._-]+" $dir) (include "vbcvault.given" .) -1 -}}
{{- $names = append $names (trimPrefix $dir .) -}}
{{- end -}}
{{- range regexFindAll "\\bcredential: *[\"']?[A-Za-z0-9._-]+" (include "vbcvault.given" .) -1 -}}
{{- $names = append $names (regexReplaceAll "^credential: *[\"']?" . "") -}}
{{- end -}}
{{- $names | uniq | sortAlpha | join " " -}}
{{- end }}
