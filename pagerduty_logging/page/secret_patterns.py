# ruff: noqa: E501  # rows of tables
"""Tables of names and shapes of secrets. Facts only; other modules use them.

Every pattern is linear: it starts where a run of its characters starts, and does not backtrack into it.
"""

from __future__ import annotations

import re

from pagerduty_logging.events_api.late_pattern import late

MARK = "[redacted]"

# fmt: off
SENSITIVE_PARTS = (
    "password", "passwd", "passphrase", "passcode", "passwort", "kennwort", "motdepasse", "contrasena",
    "contraseña", "wachtwoord", "secret", "credential", "token", "authorization", "authheader",
    "apikey", "accesskey", "accountkey", "adminkey", "appkey", "applicationkey", "authkey", "cipherkey",
    "activationkey", "certkey", "clientkey", "consumerkey", "cryptokey", "databasekey", "decryptionkey", "deploykey", "devicekey", "encryptionkey",
    "fernetkey", "functionkey", "functionskey", "hmackey", "hostkey", "ingestionkey", "instrumentationkey",
    "integrationkey", "jwtkey", "licensekey", "licencekey", "masterkey", "privatekey", "productkey", "rootkey", "sastoken",
    "secretkey", "serverkey", "servicekey", "sessionkey", "sharedkey", "signingkey", "sshkey", "rsakey", "storagekey",
    "subscriptionkey", "systemkey", "webhookkey", "wrappingkey", "writekey",
    "sessionid", "phpsessid", "creditcard", "cardnumber", "connectionstring", "connstring", "connstr",
    "securitycode", "unlockcode", "accesscode", "recoverycode", "backupcode", "verificationcode", "onetimecode", "pincode", "codeverifier",
    "clientassertion", "samlresponse", "samlassertion", "seedphrase", "webhookurl",
    "dbpass", "userpass", "smtppass", "mailpass", "emailpass", "ftppass", "rootpass", "adminpass", "ldappass",
    "redispass", "mysqlpass", "sqlpass", "pgpass", "proxypass", "httppass", "keypass", "storepass", "vaultpass",
    "dbpw", "rootpw", "userpw", "bindpw", "adminpw", "requirepass", "masterauth", "githubpat", "gitlabpat", "azurepat",
    "anthropickey", "datadogkey", "mailgunkey", "openaikey", "sendgridkey", "stripekey", "tlskey", "sslkey", "twiliokey",
    "пароль", "密码", "密碼", "パスワード", "비밀번호", "parola", "hasło", "lösenord", "adgangskode", "salasana", "jelszó",
    "becomepass", "sudopass", "sshpass", "wifipass", "mqttpass", "rabbitpass", "amqppass",
)
"""Names that contain one of these, their separators removed, are sensitive."""
SENSITIVE_WORDS = frozenset((
    "bearer", "cookie", "cookies", "creds", "csrf", "csrfmiddlewaretoken", "cvc", "cvv", "jwt", "mfa", "otp", "pepper", "psw", "pswd", "pw",
    "pwd", "pword", "senha", "ssn", "totp", "xsrf",
))
"""Names of which one word is one of these are sensitive: shorter, they would be found in harmless names."""
LAST_WORDS = frozenset(("auth", "dsn", "pass", "passe", "pin", "session", "sessions", "sid", "sig", "signature", "signatures"))
"""The same where the name ends in them: `db_pass`, but not `pass_through`, `session_name`, `auth_user`."""
HOLDERS = frozenset((
    "code", "data", "hash", "header", "id", "new", "number", "old", "raw", "str", "string", "text", "value",
))
"""What may stand behind a word of `LAST_WORDS`."""
INNOCENT = ("tokeniz", "tokenis", "secretar", "credentialless", "passwordless", "secretless", "tokenless")
"""Words that only look as if they were made of those above."""
FILES = frozenset(("c", "cfg", "cpp", "css", "go", "h", "html", "java", "js", "md", "php", "py", "pyx", "rb", "rs", "rst", "ts"))
"""Endings of source files."""
KEYLIKE = (
    "password", "passwd", "pass", "pwd", "pw", "secret", "key", "passcode", "passwort", "kennwort", "motdepasse",
    "phrase", "string", "code", "cookie", "authorization", "creds", "пароль", "密码", "密碼", "パスワード", "비밀번호", "parola",
    "hasło", "lösenord", "adgangskode", "salasana", "jelszó",
)
"""What a name contains whose values need not look like a secret to be one, even in a sentence: `password: swordfish`."""
CLASSES = frozenset((
    "age", "alg", "algorithm", "arn", "backend", "class", "count", "counter", "denied", "duration", "enabled", "endpoint", "engine",
    "error", "errors", "exception", "failed", "failure", "length", "len", "lifetime", "limit", "method", "mismatch",
    "missing", "mode", "name", "notfound", "policy", "prefix", "ref", "rate", "ratio", "required", "retries", "rotation", "rounds", "status",
    "timeout", "ttl", "type", "uri", "url", "validity", "version", "warning",
))
"""What a name ends in that measures or classifies secrets, and holds none."""
DATES = frozenset(("changed", "created", "expiration", "expired", "expires", "expiry", "issued", "updated"))
"""Words of names under which dates stand."""
MEASURES = frozenset((
    "attempt", "attempts", "budget", "bytes", "chars", "days", "hours", "index", "interval", "max", "maximum", "min",
    "minimum", "minutes", "ms", "num", "number", "percent", "per", "quota", "remaining", "seconds", "secs", "size",
    "strength", "sum", "total", "usage", "used",
))
"""What a name begins or ends with under which a number counts, and a text may be the secret."""
COUNTED = frozenset((
    "cookies", "credentials", "passes", "passwords", "pins", "secrets", "sessions", "signatures", "tokens",
))
"""Plurals, under which a number counts."""

NAME_KEYS = frozenset((
    "attribute", "env", "field", "header", "id", "k", "key", "label", "loc", "name", "option", "param", "parameter", "property", "setting",
    "var", "variable",
))
"""Names of entries that name another entry's value: `{"name": "password", "value": "x"}`."""
VALUE_KEYS = frozenset(("content", "data", "default", "input", "text", "v", "val", "value"))

# --- tokens that look like one anywhere ----------------------------------------------------------------

# Sources, read 2026-11-29: gitleaks, config/gitleaks.toml at b58d3f102cf3a2c84cb7f923d05c25c9b1aed84b (2026-07-22);
# trufflehog, pkg/detectors at 3ab759fef4bb5935d4fe9ac68b503d05346b8364 (2026-08-21); detect-secrets, plugins at
# 5e141933554a0b74e7341841f318be21e895339c (2026-04-02); what none of the three has, from the issuers' own descriptions.
# The lengths are less than the issuers': a token that was cut is one still.
TOKEN_PREFIXES: tuple[tuple[str, str], ...] = (
    ("1Password", r"A3-[A-Z0-9]{6}-[A-Z0-9-]{11,}|ops_eyJ[\w+/=-]{20,}"),
    ("Adafruit", r"aio_[A-Za-z0-9]{24,}"),
    ("Adobe", r"p8e-[A-Za-z0-9]{24,}"),
    ("age", r"AGE-SECRET-KEY-1[A-Z0-9]{20,}"),
    ("Airtable", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{16,}"),
    ("Alibaba", r"LTAI[A-Za-z0-9]{12,}"),
    ("Apify", r"apify_api_[A-Za-z0-9-]{20,}"),
    ("Artifactory", r"AKCp[A-Za-z0-9]{40,}|cmVmd[A-Za-z0-9]{40,}"),
    ("Asana", r"[012]/\d{12,}(?:/\d+)?:[a-f0-9]{32}"),
    ("Atlassian", r"ATATT3[\w=-]{20,}|ATCTT3[\w=-]{20,}|ATBB[A-Za-z0-9]{24,}|BBDC-[\w+/@-]{30,}"),
    ("AWS", r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AIPA|ANPA|ANVA|AROA)[A-Z0-9]{16}|ABSK[\w+/=]{40,}"),
    ("Azure", r"[\w~.]{3}\dQ~[\w~.-]{31,34}|[A-Za-z0-9+/]{30,80}(?:\+ASt|\+ACR|\+AMC|ACDb|AzCa|AzSe|AzFu|AIoT|AAAAA?C)[A-Za-z0-9+/]{5,8}={0,2}(?![\w+/])|[01]\.A[\w-]{50,}(?:\.[\w-]+)*"),
    ("Bannerbear", r"bb_(?:pr|ma)_[a-f0-9]{24,}"),
    ("Braintree, PayPal", r"access_token\$(?:production|sandbox)\$[a-z0-9]{12,20}\$[a-f0-9]{24,}"),
    ("Brevo", r"xkeysib-[a-f0-9]{32,}(?:-[A-Za-z0-9]+)?|xsmtpsib-[a-f0-9]{32,}(?:-[A-Za-z0-9]+)?"),
    ("Buildkite", r"bkua_[a-f0-9]{20,}|bkat?_[A-Za-z0-9]{20,}"),
    ("Cerebras", r"csk-[a-z0-9]{30,}"),
    ("CircleCI", r"CCIPAT_[A-Za-z0-9]{10,}_[a-f0-9]{20,}"),
    ("ClickHouse Cloud", r"4b1d[A-Za-z0-9]{38}"),
    ("Clojars", r"CLOJARS_[A-Za-z0-9]{30,}"),
    ("Cloudflare", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{40,}|cf(?:ut|at|k)_[A-Za-z0-9]{30,}"),
    ("Contentful", r"CFPAT-[\w-]{30,}"),
    ("Databricks", r"dapi[a-f0-9]{32}(?:-\d)?|dose[a-f0-9]{32}"),
    ("Datadog", r"dd(?:p|app)_[A-Za-z0-9]{30,}"),
    ("Deno", r"dd[pw]_[A-Za-z0-9]{30,}"),
    ("DigitalOcean", r"do[opr]_v1_[a-f0-9]{20,}"),
    ("Discord", r"[MNO][A-Za-z0-9_-]{23,27}\.[\w-]{6}\.[\w-]{27,}"),
    ("Docker", r"dckr_(?:pat|oat)_[\w-]{20,}"),
    ("Doppler", r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[\w-]+\.)?[A-Za-z0-9]{20,}"),
    ("Dropbox", r"sl\.(?:u\.)?[\w-]{40,}"),
    ("Duffel", r"duffel_(?:test|live)_[\w=-]{20,}"),
    ("Dynatrace", r"dt0[a-z]\d\d\.[A-Z0-9a-z]{8,}\.[A-Za-z0-9]{20,}"),
    ("EasyPost", r"EZ[AT]K[A-Za-z0-9]{40,}"),
    ("Elastic", r"ess[uy]_[\w=+/-]{30,}"),
    ("Endor Labs", r"endr\+[A-Za-z0-9-]{16,}"),
    ("Expo", r"Expo(?:nent)?PushToken\[[\w-]{16,}\]"),
    ("Facebook", r"EAA[A-Za-z0-9]{40,}"),
    ("Figma", r"fig[dou]r?_[\w-]{20,}"),
    ("Fleetbase", r"flb_live_[A-Za-z0-9]{16,}"),
    ("Flexport", r"shltm_[\w-]{30,}"),
    ("Flutterwave", r"FLWSECK(?:_TEST)?-[A-Za-z0-9]{12,}"),
    ("Fly.io", r"fo1_[\w-]{30,}|fm[12][ar]?_[\w+/=]{40,}"),
    ("Frame.io", r"fio-u-[\w=-]{30,}"),
    ("GitHub", r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}"),
    ("GitLab", r"gl(?:pat|cbt|dt|ffct|ft|imt|agent|oas|ptt|rt|soat|rtr|wt)-[\w.-]{16,}|GR1348941[\w-]{16,}"),
    ("Google", r"AIza[\w-]{30,}|ya29\.[\w.-]{16,}|GOCSPX-[\w-]{16,}|1//0[\w-]{30,}|[\w-]{10,24}:APA91b[\w-]{60,}"),
    ("Grafana", r"gl(?:c|sa)_[\w+/=]{20,}"),
    ("Groq", r"gsk_[A-Za-z0-9]{30,}"),
    ("Harness", r"[ps]at\.[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{10,}"),
    ("HashiCorp", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{20,}|hv[sbr]\.[\w-]{16,}|s\.(?=[A-Za-z]{0,23}\d)[A-Za-z0-9]{24}(?!\w)"),
    ("Heroku", r"HRKU-AA[\w-]{20,}"),
    ("HubSpot", r"pat-(?:na|eu|ap)\d-[a-f0-9-]{20,}"),
    ("Hugging Face", r"hf_[A-Za-z0-9]{20,}|api_org_[A-Za-z0-9]{20,}"),
    ("Infracost", r"ico-[A-Za-z0-9]{32}"),
    ("Intercom", r"dG9rO[\w+/]{30,}={0,2}"),
    ("LangSmith", r"lsv2_(?:pt|sk)_[a-f0-9]{20,}(?:_[a-f0-9]+)?"),
    ("LaunchDarkly", r"(?:api|sdk|mob)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    ("Linear", r"lin_(?:api|oauth)_[A-Za-z0-9]{20,}"),
    ("Mailchimp", r"[a-f0-9]{32}-us\d{1,2}"),
    ("Mailgun", r"key-[0-9a-f]{32}|[a-f0-9]{32}-[a-f0-9]{8}-[a-f0-9]{8}"),
    ("Mapbox", r"[ps]k\.eyJ[\w.-]{20,}"),
    ("MaxMind", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
    ("MessageBird", r"(?:live|test)_(?=[a-z]{0,24}[A-Z\d])[A-Za-z0-9]{25}(?!\w)"),
    ("MongoDB", r"mdb_sa_(?:sk|id)_[\w-]{20,}"),
    ("Neon", r"napi_[A-Za-z0-9]{30,}"),
    ("Netlify", r"nf[pcu]_[A-Za-z0-9]{30,}"),
    ("New Relic", r"NRAK-[A-Z0-9]{20,}|NRII-[\w-]{20,}|NRJS-[a-f0-9]{16,}|[a-f0-9]{36}NRAL|NRIQ-[\w-]{20,}|NRBR-[0-9a-f]{16,}|[A-Za-z0-9]{30,44}-NRMA"),
    ("Nightfall", r"NF-[A-Za-z0-9]{32}"),
    ("Notion", r"ntn_[A-Za-z0-9]{30,}|secret_[A-Za-z0-9]{43}"),
    ("npm", r"npm_[A-Za-z0-9]{20,}"),
    ("NuGet", r"oy2[a-z0-9]{43}(?![a-z0-9])"),
    ("NVIDIA", r"nvapi-[\w-]{40,}"),
    ("Octopus", r"API-[A-Z0-9]{24,}"),
    ("Okta", r"00(?=[A-Za-z_-]{0,39}\d)(?=[\dA-Z_-]{0,39}[a-z])[\w-]{40}(?![\w-])"),
    ("OpenAI, Anthropic, Stripe and others", r"sk-(?=[\w-]{0,60}?\d)[\w-]{20,}|(?:sk|rk|pk|whsec)_(?:live_|test_)?(?=[A-Za-z]{0,40}\d)[A-Za-z0-9+/=]{16,}"),
    ("OpenShift", r"sha256~[\w-]{30,}"),
    ("Pagar.me", r"ak_live_[A-Za-z0-9]{20,}"),
    ("PagerDuty", r"pd[ue][su]\+_[\w+/-]{16,}|u\+(?=[A-Za-z_-]{0,17}\d)[\w+-]{18}(?![\w+-])|[eRy]0(?=[A-Z0-9]{0,29}[A-Z])[A-Z0-9]{30}(?!\w)|R0(?=[A-Za-z0-9]{0,17}[A-Z])(?=[A-Za-z0-9]{0,17}[a-z])[A-Za-z0-9]{18}(?!\w)"),
    ("Perplexity", r"pplx-[A-Za-z0-9]{30,}"),
    ("Pinecone", r"pcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{30,}"),
    ("Plaid", r"access-(?:production|sandbox|development)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    ("PlanetScale", r"pscale_(?:tkn|oauth|pw)_[\w=.-]{20,}"),
    ("PostHog", r"ph[xcs]_[A-Za-z0-9]{30,}"),
    ("Postman", r"PMAK-[a-f0-9]{24}-[a-f0-9]{20,}"),
    ("Prefect", r"pn[ub]_[A-Za-z0-9]{30,}"),
    ("PubNub", r"(?:sec|pub|sub)-c-(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[A-Za-z0-9]{40,})"),
    ("Pulumi", r"pul-[a-f0-9]{30,}"),
    ("PyPI", r"pypi-[\w-]{30,}"),
    ("Ramp", r"ramp_(?:sec|id)_[A-Za-z0-9]{30,}"),
    ("Razorpay", r"rzp_(?:live|test)_[A-Za-z0-9]{14,}"),
    ("ReadMe", r"rdme_[a-z0-9]{40,}"),
    ("Replicate", r"r8_[A-Za-z0-9]{30,}"),
    ("Resend", r"re_(?=[A-Za-z]{0,8}\d)[A-Za-z0-9]{8,}_[A-Za-z0-9]{16,}"),
    ("Robinhood", r"rh-api-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    ("Rootly", r"rootly_[a-f0-9]{40,}"),
    ("RubyGems", r"rubygems_[a-f0-9]{30,}"),
    ("Salad", r"salad_cloud_[A-Za-z0-9]{1,7}_[A-Za-z0-9]{16,}"),
    ("Salesforce", r"00[A-Za-z0-9]{13,16}![\w.]{40,}|3MVG9[\w.+/=]{60,}|5AEP861[\w.=]{60,}"),
    ("Scaleway", r"SCW(?=[A-Z]{0,16}\d)[A-Z0-9]{17}(?!\w)"),
    ("Scalingo", r"tk-us-[\w-]{30,}"),
    ("Segment", r"sgp_[A-Za-z0-9]{40,}"),
    ("SendGrid", r"SG\.[\w-]{16,}\.[\w-]{8,}"),
    ("Sentry", r"sntry[sua]_[\w+/=-]{30,}"),
    ("Settlemint", r"sm_[aps]at_[A-Za-z0-9]{16,}"),
    ("Shippo", r"shippo_(?:live|test)_[a-fA-F0-9]{20,}"),
    ("Shopify", r"shp(?:at|ca|pa|ss|ua|tka)_[a-fA-F0-9]{20,}"),
    ("Slack", r"xox[abceoprsd](?:\.xox[bp])?-[\w%-]{10,}|xapp-[\w-]{10,}|xwfp-[\w-]{10,}"),
    ("Snyk", r"snyk_(?:uat|sat)\.[\w.-]{16,}"),
    ("SonarQube", r"sq[pua]_[a-f0-9]{30,}|sqco_[A-Za-z0-9]{40,}"),
    ("Sourcegraph", r"sgp_(?:[a-fA-F0-9]{16}|local)_[a-fA-F0-9]{40}|slk_[a-f0-9]{40,}"),
    ("Square", r"sq0(?:atp|csp|idp)-[\w-]{20,}|EAAA[\w-]{50,}"),
    ("Stripe", r"pi_[A-Za-z0-9]{16,30}_secret_[A-Za-z0-9]{16,}"),
    ("Sumo Logic", r"su[A-Za-z0-9]{12}-[A-Za-z0-9]{30,}"),
    ("Supabase", r"sb_(?:secret|publishable)_[\w-]{16,}|sbp_[a-f0-9]{30,}"),
    ("Tableau", r"[A-Za-z0-9+/]{22}==:[A-Za-z0-9]{32}"),
    ("Tailscale", r"tskey-[a-z]+-[\w-]{10,}"),
    ("Telegram", r"\d{8,10}:AA[\w-]{30,}"),
    ("Tencent Cloud", r"AKID(?=[A-Za-z]{0,31}\d)[A-Za-z0-9]{32}(?!\w)"),
    ("Truffle Security", r"thog-(?:key|secret)-[0-9a-f]{16,}"),
    ("Twilio", r"(?:SK|AC)[0-9a-f]{32}"),
    ("Twitter", r"AAAAAAAAAAAAAAAAAAAA[\w%+/=-]{40,}"),
    ("Typeform", r"tfp_[\w.=-]{30,}"),
    ("Ubidots", r"BBFF-[A-Za-z0-9]{24,}"),
    ("Vercel", r"vc[piark]_[A-Za-z0-9]{20,}"),
    ("Voiceflow", r"VF\.(?:(?:DM|WS)\.)?[a-fA-F0-9]{24}\.[A-Za-z0-9]{16}"),
    ("Volcengine", r"AKLT[\w-]{20,}"),
    ("Webex", r"[A-Za-z0-9]{64}_[A-Za-z0-9]{4}_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    ("Weights & Biases", r"wandb_v1_[\w-]{20,}"),
    ("WireGuard and others in base64", r"(?<!sha256[-:=])[\w+/-]{42}[AEIMQUYcgkosw048]=(?!=)"),
    ("xAI", r"xai-[A-Za-z0-9]{30,}"),
    ("Yandex", r"AQVN[\w-]{30,}|y[0-3]_[\w-]{30,}|t1\.[\w=.-]{60,}|YC[\w-]{38}"),
    ("Zapier", r"sk-ak-[\w-]{20,}"),
    ("Zoho", r"1000\.[a-f0-9]{32}\.[a-f0-9]{32}"),
)
"""Who issues them, and how they look; each stands at the beginning of a word."""
# fmt: on

TOKENS = late(
    r"(?<![A-Za-z0-9_])(?=[\w~.+/=:%$!\[-]{16})(?:" + "|".join(shape for _, shape in TOKEN_PREFIXES) + ")",
    re.ASCII,
)

# Addresses that anybody who knows them may use: what follows these is the secret.
# Source: gitleaks as above (Slack, Teams, Telegram), trufflehog (Discord, Tines, Zapier), the issuers' pages, 2026-11-29.
SECRET_PATHS = late(
    r"(?P<before>hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/"
    r"|discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/\d{1,30}/"
    r"|api\.telegram\.org/(?:file/)?bot"
    r"|\.webhook\.office\.com/webhookb2/|outlook\.office(?:365)?\.com/webhook/"
    r"|\.powerplatform\.com(?::\d{1,5})?/powerautomate/|\.environment\.api\.powerplatform\.com/"
    r"|hooks\.zapier\.com/hooks/|maker\.ifttt\.com/(?:use/|trigger/[\w-]{1,80}/(?:json/)?with/key/)"
    r"|hc-ping\.com/|healthchecks\.io/ping/|cronitor\.link/p/|betterstack\.com/api/v1/heartbeat/"
    r"|betteruptime\.com/api/v1/heartbeat/|heartbeat\.uptimerobot\.com/"
    r"|events(?:\.eu)?\.pagerduty\.com/(?:integration|x-ere)/"
    r"|alert\.victorops\.com/integrations/generic/\d{1,12}/alert/"
    r"|hook\.[a-z]{2}\d\.make\.com/|webhook\.site/|api\.day\.app/|sctapi\.ftqq\.com/"
    r"|open\.(?:feishu\.cn|larksuite\.com)/open-apis/bot/v2/hook/"
    r"|/hooks/(?=[a-z0-9]{26}\b)|\.tines\.com/webhook/"
    r"|/webhooks?(?:-test)?/(?=[0-9a-f]{8}-[0-9a-f]{4}-|(?=[A-Za-z_-]{0,40}\d)[\w-]{24})"
    r"|/ical/[^\s/]{1,80}/private-(?=[0-9a-f]{16})"
    r"|/(?:accounts/)?(?:password[_-]?)?(?:reset|activate|invite|magic|verify|confirm)(?:[_-][a-z]{2,12})?/(?:[\w=-]{1,12}/)?"
    r"(?=[A-Za-z_-]{0,40}\d)(?=[\w:.-]{16}))"
    r"(?P<secret>[^\s\"'<>()?\\]++)"
)

ABSENT = late(
    r"(?i:none|null|nil|undefined|true|false|yes|no|on|off|n/a|not[ _-]?(?:set|found|given|provided|configured|available)"
    r"|unset|missing|empty|present|configured|absent|required|optional|hidden|masked|redacted|filtered|unknown|invalid"
    r"|expired|disabled|enabled)"
    r"|[-*.…•_]{1,80}|[xX]{4,80}|\*+.{0,4}|%(?:\(\w{1,40}\))?[-#0-9.]{0,8}[a-zA-Z]|\{[^{}]{0,60}\}|\$\{?\w{1,60}\}?|\$\{\{.{1,80}\}\}"
    r"|(?i:open|closed|active|inactive|new|started|ended|valid|bcrypt|scrypt|argon2\w{0,2}|pbkdf2\w{0,20}|md5|sha\d{1,3})"
    r"|\S{0,12}?\*{4,80}\S{0,8}|\w{0,20}(?i:Secret|Str|Bytes)\w{0,8}\(['\"]?\*{1,40}['\"]?\)?"
    r"|<[\w .:/-]{1,60}>|\[(?:[A-Za-z]{3,12})\]|\(\w[\w ]{0,20}\)|\{\}|\[\]|\(\)",
)
"""What may stand in the place of a secret without being one: nothing, a placeholder, a type."""
TYPES = late(
    r"(?i:str|string|bytes|int|integer|bool|boolean|any|object|dict|list|secretstr|char|varchar|text)"
    r"|(?:typing\.)?(?:Optional|Union|Literal|Annotated)\[.{0,200}"
)
"""What stands behind a name and a colon in source code and schemas."""
PROSE = late(
    r"(?i)(?:a|all|already|also|an|and|any|are|argument|as|at|be|because|been|before|behind|both|but|by|can|cannot"
    r"|can't|changed?|check|contains?|could|couldn't|created|denied|did|does|doesn't|do|don't|either|ensure|error|exactly"
    r"|expected|expecting|expects?|expired|expires|failed|failure|field|flag|for|found|from|got|has|hash|have|if|in|incorrect|instead"
    r"|insufficient|invalid|is|isn't|it|its|length|less|like|longer|malformed|may|mismatch(?:ed)?|missing|more|must|need(?:s|ed)?"
    r"|neither|never|no|non|none|nor|not|nothing|of|on|only|option|options|or|out|permission|please|provide[ds]?"
    r"|read|received|refused|rejected|required|requires?|reset|revoked|same|see|should|shorter|since|string|than|that|the|their|then"
    r"|there|they|this|to|too|try|type|unable|undefined|unexpected|unknown|unrecogni[sz]ed|unsupported|unterminated"
    r"|updated?|use[ds]?|using|value|values|verification|was|were|when|where|which|while|will|with|without|wrong|you|your)"
)
"""Words that continue a sentence about a secret; no secret follows."""
