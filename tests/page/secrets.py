# ruff: noqa: E501  # rows of a table
"""Made-up secrets in the forms in which programs log them: a text, what of it must be gone. None is anybody's."""

H = "hunter2Xq9"
HEX32 = "0123456789abcdef0123456789abcdef"
HEX40 = "0123456789abcdef0123456789abcdef01234567"
B62 = "Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3gH6jK9mN2pQ5sT8vW1yZ4bC7dF0gH3jK6m"

NAMED = [
    f"password={H}", f"password: {H}", f"password = '{H}'", f'"password": "{H}"', f"'password': '{H}'", f"PASSWORD={H}",
    f"db_password={H}", f"dbpass={H}", f"DB_PASS={H}", f"pw={H}", f"pwd={H}", f"smtp_pass: {H}", f"passphrase: {H}",
    f"user_pw='{H}'", f"PGPASSWORD={H} psql", f"MYSQL_PWD={H}", f"spring.datasource.password={H}",
    f"api_key={H}", f"api key: {H}", f"X-Api-Key: {H}", f"apikey => {H}", f"application_key={H}", f"app-key: {H}",
    f"Ocp-Apim-Subscription-Key: {H}", f"x-functions-key: {H}", f"FERNET_KEY={H}", f"hmac_key={H}", f"MasterKey={H}",
    f"ssh_key: {H}", f"signing_key={H}", f"encryption-key={H}", f"AccountKey={H};EndpointSuffix=core.windows.net",
    f"SharedAccessKey={H}", f"license_key={H}", f"integration_key={H}", f"SECRET_KEY_BASE={H}", f"client_secret={H}",
    f"aws_secret_access_key = {H}", f"token={H}", f"access_token={H}&x=1", f"refreshToken: '{H}'", f"csrftoken={H}",
    f"auth_token: {H}", f"id_token={H}", f"session_id={H}", f"sessionid={H}", f"JSESSIONID={H}", f"PHPSESSID={H}",
    f"otp=493817{H}", f"pin: 8264{H}", f"cvv=917{H}", f"ssn=078-05-1120{H}", f"recovery_code={H}", f"code_verifier={H}",
    f"connection_string={H}", f"SENTRY_DSN={H}", f"webhook_url={H}", f"seed phrase: {H}", f"totp_secret={H}",
    f"user[password]={H}", f"password%3D{H}", f"passwort: {H}", f"mot_de_passe={H}", f"senha={H}",
    f"Settings(user='bob', password='{H}', retries=3)", f"Login(name='bob', pw='{H}')", f"Creds(user='b', api_key='{H}')",
    f"{{'name': 'password', 'value': '{H}'}}", f'{{"Name": "DB_PASSWORD", "Value": "{H}"}}',
    f'{{"key": "api_key", "val": "{H}"}}', f'{{"value": "{H}", "name": "token"}}',
    f"- name: DB_PASSWORD\n  value: {H}\n", f"name=password value={H}", f'name: "client_secret"\nvalue: "{H}"',
    f"('password', '{H}')", f'["api_key", "{H}"]', f"[('token', '{H}'), ('a', 'b')]",
]  # fmt: skip
EARLY_ENDS = [
    f"password=ab){H}", f"password=ab&{H}", f"password=ab<{H}", f"password=ab'{H}", f"password=a]b}}{H}",
    f"password=ab;{H}", f"secret=ab,{H}", f"dsn: host=db password=ab>{H} user=x",
]  # fmt: skip
FORMS = [
    f"mysqldump --password {H} --host db1", f"mysqldump --password={H}", f"cmd --api-key {H} run", f"tool --token {H}",
    f"['mysqldump', '--password', '{H}', '--host', 'db1']", f"['tool', '--client-secret={H}', 'x']",
    f"curl -u bob:{H} https://api.example.com", f"curl --user 'bob:{H}' https://x.example", f"sshpass -p {H} ssh db1",
    f"mysql -h db1 -p{H} orders", f"docker login -u bob -p {H} r.example", f"redis-cli -a {H} ping",
    f"<password>{H}</password>", f"<wsse:Password Type='Text'>{H}</wsse:Password>", f"<Secret><![CDATA[{H}]]></Secret>",
    f'<add key="DbPassword" value="{H}"/>', f'<property name="password">{H}</property>',
    f'Content-Disposition: form-data; name="password"\r\n\r\n{H}\r\n--b', f"user=bob&password={H}&next=/",
    f'name="password"\\r\\n\\r\\n{H}\\r\\n--b',
    f'Authorization: Digest username="bob", realm="r", nonce="n", response="{H}"',
    f'sent Digest username="bob", realm="r", response="{H}"', f"Authorization: Bearer {H}", f"Authorization: ApiKey {H}",
    f"Proxy-Authorization: Basic {H}=", f"curl -H 'Authorization: Bearer {H}' https://x", f"Cookie: a=1; sid={H}",
    f"Set-Cookie: sid={H}; Path=/", f"{{'Authorization': 'Token {H}'}}", f"used Bearer {H} for it", f"Basic {H}==",
    f"CREATE USER bob WITH PASSWORD '{H}'", f"ALTER USER bob IDENTIFIED BY '{H}'", f"SET PASSWORD = '{H}'",
    f"INSERT INTO users (name, password) VALUES ('bob', '{H}')", f"UPDATE users SET password = '{H}' WHERE id = 3",
    f"[SQL: INSERT INTO users (name, password) VALUES (?, ?)]\n[parameters: ('bob', '{H}')]",
    f"[SQL: UPDATE users SET api_token=%s WHERE id=%s]\n[parameters: ('{H}', 3)]",
    f"[parameters: {{'name': 'bob', 'password': '{H}'}}]",
    f"app:{H}@tcp(db1:3306)/orders?parseTime=true", f"scott/{H}@db1:1521/orcl", f"scott/{H}@//db1:1521/orcl",
    f"postgres://app:{H}@db1/orders", f"amqp://app:{H}@mq1:5672/%2F", f"redis://:{H}@cache:6379/0",
    f"https://{H}@git.example.com/x", f"mongodb+srv://app:a@b{H}@c0.example.net/x", f"Server=db1;Uid=app;Pwd={H};",
    f"input_value='{H}', input_type=str", f"  password\n    Value error, too short [type=value_error, input_value='{H}']",
    f"{{'type': 'too_short', 'loc': ('password',), 'msg': 'too short', 'input': '{H}'}}",
    f"-----BEGIN PRIVATE KEY-----\n{B62[:64]}\n{H}\n-----END PRIVATE KEY-----",
    f"-----BEGIN RSA PRIVATE KEY-----\\n{B62[:64]}{H}\\n-----END RSA PRIVATE KEY-----",
    f"{B62[:64]}\n{H}\n-----END PRIVATE KEY-----", f"{B62[:64]}\n{B62[3:67]}\n{B62[2:50]}{H}{B62[:6]}\n",
    f"-----BEGIN PRIVATE KEY-----\n{B62[:40]}{H}",
]  # fmt: skip
PATHS = [
    f"https://api.telegram.org/bot123456:{H}/sendMessage", f"https://discord.com/api/webhooks/123456789/{H}",
    f"https://hooks.slack.com/services/T0/B0/{H}", f"https://x.webhook.office.com/webhookb2/a@b/IncomingWebhook/{H}/c",
    f"https://prod-1.logic.azure.com/workflows/x/triggers/m/paths/invoke?sp=a&sv=1.0&sig={H}",
    f"https://a.blob.core.windows.net/c/b?sv=2024&se=x&sig={H}", f"https://hooks.zapier.com/hooks/catch/1/{H}/",
    f"https://maker.ifttt.com/trigger/x/with/key/{H}", f"https://hc-ping.com/{H}",
    f"https://maps.example.com/api?key={H}{HEX32}", f"https://s3.example.com/b?X-Amz-Signature={H}&x=1",
    f"https://s3.example.com/b?X-Amz-Security-Token={H}", f"https://events.pagerduty.com/integration/{H}/enqueue",
]  # fmt: skip
TOKENS = [
    "AKIAIOSFODNN7EXAMPLE", f"LTAI{B62[:20]}", f"AIza{B62[:35]}", f"ya29.{B62[:40]}", f"GOCSPX-{B62[:28]}", f"1//0{B62[:40]}",
    f"ghp_{B62[:36]}", f"github_pat_{B62[:22]}_{B62[:59]}", f"ghs_{B62[:36]}", f"glpat-{B62[:20]}", f"glrt-{B62[:20]}",
    f"gldt-{B62[:20]}", f"xoxb-123456789012-123456789012-{B62[:24]}", f"xoxe.xoxp-1-{B62[:60]}", f"xapp-1-A0-1-{HEX40}",
    f"sk_live_{B62[:24]}", f"rk_live_{B62[:24]}", f"whsec_{B62[:32]}", f"sk-ant-api03-{B62[:60]}", f"sk-proj-{B62[:60]}",
    f"sk-{B62[:48]}", f"SG.{B62[:22]}.{B62[:43]}", f"SK{HEX32}", f"key-{HEX32}", f"{HEX32}-us12", f"npm_{B62[:36]}",
    f"pypi-AgEIcHlwaS5vcmc{B62[:60]}", f"hf_{B62[:34]}", f"dop_v1_{HEX32}{HEX32}", f"hvs.{B62[:40]}", f"dapi{HEX32}",
    f"dckr_pat_{B62[:27]}", f"shpat_{HEX32}", f"shpss_{HEX32}", f"lin_api_{B62[:40]}", f"ntn_{B62[:46]}",
    f"sntrys_{B62}", f"sntryu_{HEX32}{HEX32}", f"glsa_{B62[:32]}_abcdef12", f"glc_{B62[:40]}", f"NRAK-{B62[:27].upper()}",
    f"PMAK-{HEX32[:24]}-{HEX40[:34]}", f"pul-{HEX40}", f"rubygems_{HEX32}{HEX32[:16]}", f"pscale_tkn_{B62[:43]}",
    f"tskey-auth-{B62[:12]}-{B62[:20]}", f"xkeysib-{HEX32}{HEX32}-{B62[:16]}", f"dt0c01.{B62[:24].upper()}.{B62[:64].upper()}",
    f"pplx-{B62[:48]}", f"gsk_{B62[:52]}", f"xai-{B62[:60]}", f"r8_{B62[:37]}", f"nvapi-{B62[:64]}", f"sbp_{HEX40}",
    f"sb_secret_{B62[:31]}", f"ATATT3xFf{B62[:60]}", f"ATBB{B62[:32]}", f"HRKU-AA{B62[:58]}", f"PMAK-{HEX32[:24]}-{HEX40[:30]}",
    f"EZAK{B62[:54]}", f"sq0atp-{B62[:22]}", f"nfp_{B62[:40]}", f"vcp_{B62[:40]}", f"AGE-SECRET-KEY-1{B62[:58].upper()}",
    f"123456789:AA{B62[:33]}", f"figd_{B62[:40]}", f"CCIPAT_{B62[:22]}_{HEX40}", f"bkua_{HEX40}", f"re_{B62[:8]}_{B62[:24]}",
    f"MTIzNDU2Nzg5MDEyMzQ1Njc4.Gabcde.{B62[:38]}", f"A3-ABCDEF-{B62[:11].upper()}-ABCDE-ABCDE-ABCDE", f"AQVN{B62[:35]}",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", f"{B62[:42]}A=", f"pat{B62[:14]}.{HEX32}{HEX32}",
    "4111 1111 1111 1111", "378282246310005",
]  # fmt: skip

SECRETS: list[tuple[str, str]] = [(text, H) for text in (*NAMED, *EARLY_ENDS, *FORMS, *PATHS)] + [
    (f"the call with {token} failed", token) for token in TOKENS
]

READABLE = [
    "/run/secrets/db_password: No such file", "password=None", "api_key={}", "secret_key: not set", "max_tokens=4096",
    "session_timeout=30", "pass=3 fail=2", "pwd=/home/bob", "token := next(it)", "password: null", "token=%s",
    "password={password}", "token: expected 3 commas", "secret=${SECRET}", "api_key=<your key>", "password=****",
    "completion_tokens=17, prompt_tokens: 4096", "tokens: 15", "{'session_count': 4, 'pass_rate': 0.97}", "tokens/s: 31.5",
    "password_min_length=8", "token_type=bearer", "InvalidTokenError: Signature verification failed",
    "jwt.exceptions.ExpiredSignatureError: Signature has expired", "password: This field is required.",
    "{'password': ['This field may not be blank.']}", "session: closed by peer", "auth: denied", "cookie: expired",
    "use --password to give one", "--token is required", "secret 'db-creds' not found", "unexpected token '}' in line 3",
    "password=self._password", "    password = settings['DB']", "    token = read_token(request)", "password: str",
    "def login(user: str, password: Optional[str] = None)", "PASSWORD is not set", "the password is too short",
    "author=bob", "passenger: Bob", "tokenizer=gpt2", "keyboard=us", "secretary: Ann", "sessionmaker=x", "pin=17",
    "signature_version=s3v4", "auth_method=ldap", "password_hashers.py:12 in check", "token_count=12",
    "expected token: comma", "no such session: closed", "Basic authentication failed", "-----BEGIN CERTIFICATE----- is missing",
    "https://user.example.com/a:b@c", "http://db1:5432/x?mail=a@b.example", "git@github.com:acme/shop.git", "a/b@1.2.3",
    "password changed: ok", "secrets=3", "[SQL: SELECT id FROM orders WHERE id = ?]\n[parameters: (17,)]",
    "INSERT INTO orders (id, name) VALUES (1, 'bob')", "primary_key=id", "cache_key=orders:17", "routing key: celery",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "commit 0123456789abcdef0123456789abcdef01234567",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "550e8400-e29b-41d4-a716-446655440000",
]  # fmt: skip
"""What stays as it is: the diagnosis itself."""
