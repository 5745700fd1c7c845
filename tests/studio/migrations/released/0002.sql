PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE settings (
	name VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO settings VALUES('app_key','9e193688b3062546b2cbeb994a7b2362079ee55975f56177e3fd76072700a6c4');
INSERT INTO settings VALUES('app_secret','5d16db6501e4d13aedddbb824cdef90f61f04240dd6aba4c1cf4b2cf3783f0f7');
INSERT INTO settings VALUES('jwt_secret','aa568eebc9ac748ae3112cc7f67fd0158a367a5d9d037f5e55b1fa8a731dbe65');
CREATE TABLE users (
	id VARCHAR(36) NOT NULL, 
	name TEXT NOT NULL, 
	created_at FLOAT, 
	PRIMARY KEY (id)
);
INSERT INTO users VALUES('01a203d0-569d-7188-b457-c1662e1f9dda','ada',1800000000.0);
CREATE TABLE invites (
	hash VARCHAR(64) NOT NULL, 
	role TEXT NOT NULL, 
	project TEXT NOT NULL, 
	invited_by TEXT NOT NULL, 
	expires_at FLOAT NOT NULL, 
	used_at FLOAT, 
	used_by TEXT NOT NULL, 
	PRIMARY KEY (hash)
);
INSERT INTO invites VALUES('53283c1735d632274ce34779b3ce3fc4e8b724545485fb37eb010c1e1494b2ff','owner','*','',1800604800.0,NULL,'');
INSERT INTO invites VALUES('35f75490156c4347269d5de54883c2f623b0d46c4e95923d510a15c5e327e5ef','owner','*','',1800604800.0,1800000000.0,'01a203d0-569d-7188-b457-c1662e1f9dda');
CREATE TABLE cuts (
	subject VARCHAR(36) NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (subject)
);
CREATE TABLE projects (
	id VARCHAR(36) NOT NULL, 
	"key" TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created_at FLOAT, 
	PRIMARY KEY (id), 
	UNIQUE ("key")
);
INSERT INTO projects VALUES('01a203d0-56b3-76f0-b45e-d1456f69471f','github:acme/shop','shop',1800000000.0);
CREATE TABLE replies (
	"key" VARCHAR(80) NOT NULL, 
	body JSON, 
	created_at FLOAT, 
	PRIMARY KEY ("key")
);
INSERT INTO replies VALUES('d5c9c2287f51c9eac78f762e4f26142ced1edbcee5f4d0dec3d07031b6d082a6','null',1800000000.0);
CREATE TABLE audit (
	id VARCHAR(36) NOT NULL, 
	project_id VARCHAR(36), 
	user_id TEXT NOT NULL, 
	action TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	detail JSON NOT NULL, 
	created_at FLOAT, 
	PRIMARY KEY (id)
);
INSERT INTO audit VALUES('01a203d0-56b5-74bb-9421-bb1a9487b76e',NULL,'01a203d0-569d-7188-b457-c1662e1f9dda','manage','/api/v1/projects','{}',1800000000.0);
INSERT INTO audit VALUES('01a203d0-56f7-758b-8cec-b53850b68986','01a203d0-56b3-76f0-b45e-d1456f69471f','01a203d0-569d-7188-b457-c1662e1f9dda','lead','/api/v1/agent-sessions/01a203d0-56c8-7377-99ff-dea3bbaeb50f/team','{}',1800000000.0);
INSERT INTO audit VALUES('01a203d0-5729-7aaa-b41e-3882df0159c4','01a203d0-56b3-76f0-b45e-d1456f69471f','01a203d0-569d-7188-b457-c1662e1f9dda','plan','/api/v1/plans','{}',1800000000.0);
INSERT INTO audit VALUES('01a203d0-5740-77ab-ac0c-379e7f9b4f11','01a203d0-56b3-76f0-b45e-d1456f69471f','01a203d0-569d-7188-b457-c1662e1f9dda','plan','/api/v1/plans/01a203d0-5701-7cfd-a3c8-a27d5a2cb852/activate','{}',1800000000.0);
INSERT INTO audit VALUES('01a203d0-5839-7f2c-b81a-5ca285d98651','01a203d0-56b3-76f0-b45e-d1456f69471f','01a203d0-569d-7188-b457-c1662e1f9dda','comment','/api/v1/tasks/01a203d0-5708-74da-bfb4-66d2ccea6024/comments','{}',1800000000.0);
CREATE TABLE memberships (
	user_id VARCHAR(36) NOT NULL, 
	project VARCHAR(36) NOT NULL, 
	role TEXT NOT NULL, 
	PRIMARY KEY (user_id, project), 
	FOREIGN KEY(user_id) REFERENCES users (id)
);
INSERT INTO memberships VALUES('01a203d0-569d-7188-b457-c1662e1f9dda','*','owner');
CREATE TABLE refresh_tokens (
	hash VARCHAR(64) NOT NULL, 
	family VARCHAR(36) NOT NULL, 
	parent VARCHAR(64) NOT NULL, 
	user_id VARCHAR(36) NOT NULL, 
	expires_at FLOAT NOT NULL, 
	used_at FLOAT, 
	revoked_at FLOAT, 
	PRIMARY KEY (hash), 
	FOREIGN KEY(user_id) REFERENCES users (id)
);
INSERT INTO refresh_tokens VALUES('70192e08791530e500d7a5ed1374b0cf83eee6ef21b558c1b88160aabc05543f','01a203d0-56a0-7ae9-9760-f64a02f08bcd','','01a203d0-569d-7188-b457-c1662e1f9dda',1802592000.0,1800000000.0,NULL);
INSERT INTO refresh_tokens VALUES('c13c750589131989940155d568fbd05b786342c2584f55f7cac5c9bd866eda44','01a203d0-56a0-7ae9-9760-f64a02f08bcd','70192e08791530e500d7a5ed1374b0cf83eee6ef21b558c1b88160aabc05543f','01a203d0-569d-7188-b457-c1662e1f9dda',1802592000.0,NULL,NULL);
CREATE TABLE teams (
	id VARCHAR(36) NOT NULL, 
	project_id VARCHAR(36) NOT NULL, 
	name VARCHAR(80) NOT NULL, 
	workspace TEXT NOT NULL, 
	serves_all BOOLEAN NOT NULL, 
	status TEXT NOT NULL, 
	created_at FLOAT, 
	ended_at FLOAT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	UNIQUE (name)
);
INSERT INTO teams VALUES('01a203d0-56d1-7520-85bc-2b7298b44dcc','01a203d0-56b3-76f0-b45e-d1456f69471f','maestro-d042f4','/repo',1,'active',1800000000.0,NULL);
CREATE TABLE sessions (
	id VARCHAR(36) NOT NULL, 
	project_id VARCHAR(36) NOT NULL, 
	team_id VARCHAR(36), 
	user_id TEXT NOT NULL, 
	role TEXT NOT NULL, 
	worker_role TEXT NOT NULL, 
	name TEXT NOT NULL, 
	skills JSON NOT NULL, 
	status TEXT NOT NULL, 
	lease_until FLOAT NOT NULL, 
	created_at FLOAT, 
	ended_at FLOAT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	FOREIGN KEY(team_id) REFERENCES teams (id)
);
INSERT INTO sessions VALUES('01a203d0-56c8-7377-99ff-dea3bbaeb50f','01a203d0-56b3-76f0-b45e-d1456f69471f','01a203d0-56d1-7520-85bc-2b7298b44dcc','01a203d0-569d-7188-b457-c1662e1f9dda','lead','','maestro','{}','connected',1800000090.0,1800000000.0,NULL);
INSERT INTO sessions VALUES('01a203d0-56d5-7b6a-a191-a449f076285e','01a203d0-56b3-76f0-b45e-d1456f69471f','01a203d0-56d1-7520-85bc-2b7298b44dcc','','worker','dev','dev-1','{}','connected',1800000090.0,1800000000.0,NULL);
INSERT INTO sessions VALUES('01a203d0-56d6-7cd8-b5fc-60689617d15e','01a203d0-56b3-76f0-b45e-d1456f69471f','01a203d0-56d1-7520-85bc-2b7298b44dcc','','worker','dev','dev-2','{}','connected',1800000090.0,1800000000.0,NULL);
INSERT INTO sessions VALUES('01a203d0-56d7-7336-b10b-1c52633152c6','01a203d0-56b3-76f0-b45e-d1456f69471f','01a203d0-56d1-7520-85bc-2b7298b44dcc','','worker','review','review-1','{}','connected',1800000090.0,1800000000.0,NULL);
INSERT INTO sessions VALUES('01a203d0-56d7-7829-a8ce-14f1fec624e3','01a203d0-56b3-76f0-b45e-d1456f69471f','01a203d0-56d1-7520-85bc-2b7298b44dcc','','worker','test','test-1','{}','connected',1800000090.0,1800000000.0,NULL);
CREATE TABLE plans (
	id VARCHAR(36) NOT NULL, 
	project_id VARCHAR(36) NOT NULL, 
	team_id VARCHAR(36), 
	workspace TEXT NOT NULL, 
	title TEXT NOT NULL, 
	description TEXT NOT NULL, 
	status TEXT NOT NULL, 
	base_branch TEXT NOT NULL, 
	test TEXT NOT NULL, 
	epic_branch TEXT NOT NULL, 
	epic_start TEXT NOT NULL, 
	epic_head TEXT NOT NULL, 
	released TEXT NOT NULL, 
	waiting TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	attempt_cap INTEGER NOT NULL, 
	revision_cap INTEGER NOT NULL, 
	created_at FLOAT, 
	completed_at FLOAT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	FOREIGN KEY(team_id) REFERENCES teams (id)
);
INSERT INTO plans VALUES('01a203d0-5701-7cfd-a3c8-a27d5a2cb852','01a203d0-56b3-76f0-b45e-d1456f69471f','01a203d0-56d1-7520-85bc-2b7298b44dcc','/repo','Shop','','active','main','make test','epic/shop-15dbb1','31fe23de06e7a9e05684f021f52cfc0e2832c19d','31fe23de06e7a9e05684f021f52cfc0e2832c19d','','',0,3,3,1800000000.0,NULL);
CREATE TABLE messages (
	team_id VARCHAR(36) NOT NULL, 
	number INTEGER NOT NULL, 
	sender TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	body JSON NOT NULL, 
	at FLOAT, 
	PRIMARY KEY (team_id, number), 
	FOREIGN KEY(team_id) REFERENCES teams (id)
);
INSERT INTO messages VALUES('01a203d0-56d1-7520-85bc-2b7298b44dcc',1,'dev-1','text','{"text": "hello"}',1800000000.4999999999);
CREATE TABLE phases (
	id VARCHAR(36) NOT NULL, 
	plan_id VARCHAR(36) NOT NULL, 
	position INTEGER NOT NULL, 
	title TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(plan_id) REFERENCES plans (id)
);
INSERT INTO phases VALUES('01a203d0-5703-71fd-9ab4-3cf2412abd66','01a203d0-5701-7cfd-a3c8-a27d5a2cb852',0,'');
CREATE TABLE tasks (
	id VARCHAR(36) NOT NULL, 
	plan_id VARCHAR(36) NOT NULL, 
	phase_id VARCHAR(36), 
	position INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	title TEXT NOT NULL, 
	description TEXT NOT NULL, 
	status TEXT NOT NULL, 
	role TEXT NOT NULL, 
	skill TEXT NOT NULL, 
	required_proficiency INTEGER NOT NULL, 
	priority INTEGER NOT NULL, 
	test TEXT NOT NULL, 
	depends_on_task_ids JSON NOT NULL, 
	branch_name TEXT NOT NULL, 
	base_commit TEXT NOT NULL, 
	head TEXT NOT NULL, 
	judged TEXT NOT NULL, 
	approved TEXT NOT NULL, 
	merged TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	revision_count INTEGER NOT NULL, 
	review_sent_at FLOAT, 
	review_approved_at FLOAT, 
	created_at FLOAT, 
	finished_at FLOAT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(plan_id) REFERENCES plans (id), 
	FOREIGN KEY(phase_id) REFERENCES phases (id)
);
INSERT INTO tasks VALUES('01a203d0-5708-74da-bfb4-66d2ccea6024','01a203d0-5701-7cfd-a3c8-a27d5a2cb852','01a203d0-5703-71fd-9ab4-3cf2412abd66',0,'a','One','','awaiting_review','dev','',3,0,'','[]','task/one-ea6024','31fe23de06e7a9e05684f021f52cfc0e2832c19d','356a192b7913b04c54574d18c28d46e6395428ab','356a192b7913b04c54574d18c28d46e6395428ab','','',0,1,1800000000.0,NULL,1800000000.0,NULL);
INSERT INTO tasks VALUES('01a203d0-5709-71b6-ba83-716b6d4a03f9','01a203d0-5701-7cfd-a3c8-a27d5a2cb852','01a203d0-5703-71fd-9ab4-3cf2412abd66',1,'b','Two <b>''; DROP TABLE runs; --','','draft','dev','',3,0,'','["01a203d0-5708-74da-bfb4-66d2ccea6024"]','','','','','','',0,0,NULL,NULL,1800000000.0,NULL);
CREATE TABLE runs (
	id VARCHAR(36) NOT NULL, 
	plan_id VARCHAR(36) NOT NULL, 
	task_id VARCHAR(36), 
	session_id VARCHAR(36), 
	purpose TEXT NOT NULL, 
	state TEXT NOT NULL, 
	epoch INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	base TEXT NOT NULL, 
	"commit" TEXT NOT NULL, 
	onto TEXT NOT NULL, 
	note TEXT NOT NULL, 
	result JSON NOT NULL, 
	reason TEXT NOT NULL, 
	resume_at FLOAT, 
	created_at FLOAT, 
	started_at FLOAT, 
	finished_at FLOAT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(plan_id) REFERENCES plans (id), 
	FOREIGN KEY(task_id) REFERENCES tasks (id), 
	FOREIGN KEY(session_id) REFERENCES sessions (id)
);
INSERT INTO runs VALUES('01a203d0-5748-7799-b90f-eaae131b1c27','01a203d0-5701-7cfd-a3c8-a27d5a2cb852',NULL,'01a203d0-56c8-7377-99ff-dea3bbaeb50f','bootstrap_epic','succeeded',1,1,'','','','','{"commit": "31fe23de06e7a9e05684f021f52cfc0e2832c19d"}','',NULL,1800000000.0,1800000000.0,1800000000.0);
INSERT INTO runs VALUES('01a203d0-5782-79d2-9abd-c2b59bee4e39','01a203d0-5701-7cfd-a3c8-a27d5a2cb852','01a203d0-5708-74da-bfb4-66d2ccea6024','01a203d0-56d5-7b6a-a191-a449f076285e','execute','succeeded',1,1,'31fe23de06e7a9e05684f021f52cfc0e2832c19d','31fe23de06e7a9e05684f021f52cfc0e2832c19d','','','{"commit": "356a192b7913b04c54574d18c28d46e6395428ab"}','',NULL,1800000000.0,1800000000.0,1800000000.0);
INSERT INTO runs VALUES('01a203d0-57c0-7b2d-b2b8-638d9aaff705','01a203d0-5701-7cfd-a3c8-a27d5a2cb852','01a203d0-5708-74da-bfb4-66d2ccea6024','01a203d0-56d7-7829-a8ce-14f1fec624e3','test','succeeded',1,1,'31fe23de06e7a9e05684f021f52cfc0e2832c19d','356a192b7913b04c54574d18c28d46e6395428ab','','','{"command": "make test", "exit_code": 0, "counts": {"passed": 1}, "commit": "356a192b7913b04c54574d18c28d46e6395428ab"}','',NULL,1800000000.0,1800000000.0,1800000000.0);
INSERT INTO runs VALUES('01a203d0-57e2-76bc-b760-6efdc4672b76','01a203d0-5701-7cfd-a3c8-a27d5a2cb852','01a203d0-5708-74da-bfb4-66d2ccea6024','01a203d0-56d7-7336-b10b-1c52633152c6','review','succeeded',1,1,'31fe23de06e7a9e05684f021f52cfc0e2832c19d','356a192b7913b04c54574d18c28d46e6395428ab','','','{"output": "VERDICT: REJECTED \u2014 the test is red"}','',NULL,1800000000.0,1800000000.0,1800000000.0);
INSERT INTO runs VALUES('01a203d0-582a-7f8c-80f7-1fb542cbd0dc','01a203d0-5701-7cfd-a3c8-a27d5a2cb852','01a203d0-5708-74da-bfb4-66d2ccea6024','01a203d0-56d5-7b6a-a191-a449f076285e','execute','dispatched',0,2,'31fe23de06e7a9e05684f021f52cfc0e2832c19d','356a192b7913b04c54574d18c28d46e6395428ab','','the test is red','{}','',NULL,1800000000.0,NULL,NULL);
CREATE TABLE comments (
	id VARCHAR(36) NOT NULL, 
	task_id VARCHAR(36) NOT NULL, 
	author TEXT NOT NULL, 
	body TEXT NOT NULL, 
	created_at FLOAT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(task_id) REFERENCES tasks (id)
);
INSERT INTO comments VALUES('01a203d0-5824-7a28-87b0-5e828a6e4f54','01a203d0-5708-74da-bfb4-66d2ccea6024','reviewer','the test is red',1800000000.0);
INSERT INTO comments VALUES('01a203d0-5839-72e2-bf79-f6d0bc79c2bf','01a203d0-5708-74da-bfb4-66d2ccea6024','operator','mind the gap',1800000000.0);
CREATE TABLE decisions (
	id VARCHAR(36) NOT NULL, 
	project_id VARCHAR(36) NOT NULL, 
	plan_id VARCHAR(36) NOT NULL, 
	task_id VARCHAR(36), 
	kind TEXT NOT NULL, 
	question TEXT NOT NULL, 
	options JSON NOT NULL, 
	status TEXT NOT NULL, 
	answer TEXT NOT NULL, 
	created_at FLOAT, 
	answered_at FLOAT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	FOREIGN KEY(plan_id) REFERENCES plans (id), 
	FOREIGN KEY(task_id) REFERENCES tasks (id)
);
CREATE TABLE verdicts (
	id VARCHAR(36) NOT NULL, 
	task_id VARCHAR(36) NOT NULL, 
	run_id VARCHAR(36) NOT NULL, 
	"commit" TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	evidence JSON, 
	created_at FLOAT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(task_id) REFERENCES tasks (id), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO verdicts VALUES('01a203d0-581e-70b3-baca-38892b7657da','01a203d0-5708-74da-bfb4-66d2ccea6024','01a203d0-57e2-76bc-b760-6efdc4672b76','356a192b7913b04c54574d18c28d46e6395428ab','REJECTED','the test is red','{"command": "make test", "exit_code": 0, "counts": {"passed": 1}, "commit": "356a192b7913b04c54574d18c28d46e6395428ab"}',1800000000.0);
CREATE INDEX audit_project ON audit (project_id, id);
CREATE INDEX memberships_project ON memberships (project);
CREATE INDEX ix_refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX ix_refresh_tokens_parent ON refresh_tokens (parent);
CREATE INDEX teams_live ON teams (status);
CREATE INDEX sessions_live ON sessions (status, lease_until);
CREATE INDEX plans_status ON plans (status);
CREATE INDEX tasks_plan ON tasks (plan_id, position);
CREATE INDEX runs_state ON runs (state);
CREATE INDEX runs_task ON runs (task_id);
CREATE INDEX runs_plan ON runs (plan_id);
CREATE INDEX comments_task ON comments (task_id);
CREATE INDEX decisions_open ON decisions (status);
CREATE INDEX verdicts_task ON verdicts (task_id);
COMMIT;
