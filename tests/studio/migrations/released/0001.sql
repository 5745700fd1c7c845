PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE settings (
	name VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO settings VALUES('app_key','b41683c162e19c42032dfe8e55a071f3d1adf885739a241749aa4ff3f6bbb808');
INSERT INTO settings VALUES('app_secret','c8983dc4b49186a624293f247fdcea135bd0236d7fd5c3240f76410966b3962c');
INSERT INTO settings VALUES('jwt_secret','0f853f0989a697127fab49c5686f9679fda5d23cac5e01a0ded076c0fa70ab23');
CREATE TABLE users (
	id VARCHAR(36) NOT NULL, 
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	created_at FLOAT, 
	PRIMARY KEY (id)
);
INSERT INTO users VALUES('01a203d0-0aa2-759e-9f94-343ec6b1e0f3','ada','owner',1800000000.0);
CREATE TABLE invites (
	hash VARCHAR(64) NOT NULL, 
	role TEXT NOT NULL, 
	expires_at FLOAT NOT NULL, 
	used_at FLOAT, 
	PRIMARY KEY (hash)
);
INSERT INTO invites VALUES('0d2b43258615760f80c502a4186d722b3429dec395967b6e48a9e0c87a2e1694','owner',1800604800.0,NULL);
INSERT INTO invites VALUES('a85c97428a532cb5c93109c5d7da40dd297b0c1be326aaab27924efee3da977f','owner',1800604800.0,1800000000.0);
CREATE TABLE projects (
	id VARCHAR(36) NOT NULL, 
	"key" TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created_at FLOAT, 
	PRIMARY KEY (id), 
	UNIQUE ("key")
);
INSERT INTO projects VALUES('01a203d0-0abc-7d53-8300-38396fb0f813','github:acme/shop','shop',1800000000.0);
CREATE TABLE replies (
	"key" VARCHAR(80) NOT NULL, 
	body JSON, 
	created_at FLOAT, 
	PRIMARY KEY ("key")
);
INSERT INTO replies VALUES('aed2c1f79afe21f624250e3bc10722f2a9b700124d0e9d26c92cd57debf92b9b','null',1800000000.0);
CREATE TABLE refresh_tokens (
	hash VARCHAR(64) NOT NULL, 
	family VARCHAR(36) NOT NULL, 
	user_id VARCHAR(36) NOT NULL, 
	expires_at FLOAT NOT NULL, 
	used_at FLOAT, 
	revoked_at FLOAT, 
	PRIMARY KEY (hash), 
	FOREIGN KEY(user_id) REFERENCES users (id)
);
INSERT INTO refresh_tokens VALUES('be6bf7779e97113e7b1722593c1af9e4cf7aee71d9cfe24346b3fa85f3ba8040','01a203d0-0aa3-7601-9480-a2a1ad9348f5','01a203d0-0aa2-759e-9f94-343ec6b1e0f3',1802592000.0,1800000000.0,NULL);
INSERT INTO refresh_tokens VALUES('e01ba65cf7ee82f8253cf149157be3eb20cf6f56d2d54123abec420e3060a45e','01a203d0-0aa3-7601-9480-a2a1ad9348f5','01a203d0-0aa2-759e-9f94-343ec6b1e0f3',1802592000.0,NULL,NULL);
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
INSERT INTO teams VALUES('01a203d0-0ae0-75dc-82d8-b545f308015d','01a203d0-0abc-7d53-8300-38396fb0f813','maestro-f76d02','/repo',1,'active',1800000000.0,NULL);
CREATE TABLE sessions (
	id VARCHAR(36) NOT NULL, 
	project_id VARCHAR(36) NOT NULL, 
	team_id VARCHAR(36), 
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
INSERT INTO sessions VALUES('01a203d0-0ad1-7c96-93a2-c5ac59415f0d','01a203d0-0abc-7d53-8300-38396fb0f813','01a203d0-0ae0-75dc-82d8-b545f308015d','lead','','maestro','{}','connected',1800000090.0,1800000000.0,NULL);
INSERT INTO sessions VALUES('01a203d0-0ae5-7730-848c-58d7dbbf3f06','01a203d0-0abc-7d53-8300-38396fb0f813','01a203d0-0ae0-75dc-82d8-b545f308015d','worker','dev','dev-1','{}','connected',1800000090.0,1800000000.0,NULL);
INSERT INTO sessions VALUES('01a203d0-0ae9-7405-a963-61b66c5f446d','01a203d0-0abc-7d53-8300-38396fb0f813','01a203d0-0ae0-75dc-82d8-b545f308015d','worker','dev','dev-2','{}','connected',1800000090.0,1800000000.0,NULL);
INSERT INTO sessions VALUES('01a203d0-0aea-7824-98ca-212b69daceac','01a203d0-0abc-7d53-8300-38396fb0f813','01a203d0-0ae0-75dc-82d8-b545f308015d','worker','review','review-1','{}','connected',1800000090.0,1800000000.0,NULL);
INSERT INTO sessions VALUES('01a203d0-0aeb-7412-b0a4-bf871f37cf8d','01a203d0-0abc-7d53-8300-38396fb0f813','01a203d0-0ae0-75dc-82d8-b545f308015d','worker','test','test-1','{}','connected',1800000090.0,1800000000.0,NULL);
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
INSERT INTO plans VALUES('01a203d0-0af4-737d-a2dc-cdf11015c2c8','01a203d0-0abc-7d53-8300-38396fb0f813','01a203d0-0ae0-75dc-82d8-b545f308015d','/repo','Shop','','active','main','make test','epic/shop-a50580','31fe23de06e7a9e05684f021f52cfc0e2832c19d','31fe23de06e7a9e05684f021f52cfc0e2832c19d','','',0,3,3,1800000000.0,NULL);
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
INSERT INTO messages VALUES('01a203d0-0ae0-75dc-82d8-b545f308015d',1,'dev-1','text','{"text": "hello"}',1800000000.4999999999);
CREATE TABLE phases (
	id VARCHAR(36) NOT NULL, 
	plan_id VARCHAR(36) NOT NULL, 
	position INTEGER NOT NULL, 
	title TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(plan_id) REFERENCES plans (id)
);
INSERT INTO phases VALUES('01a203d0-0af5-71c3-8bff-ca32be26cffe','01a203d0-0af4-737d-a2dc-cdf11015c2c8',0,'');
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
INSERT INTO tasks VALUES('01a203d0-0af7-72ec-b95e-ff21c5cfc0fa','01a203d0-0af4-737d-a2dc-cdf11015c2c8','01a203d0-0af5-71c3-8bff-ca32be26cffe',0,'a','One','','awaiting_review','dev','',3,0,'','[]','task/one-cfc0fa','31fe23de06e7a9e05684f021f52cfc0e2832c19d','356a192b7913b04c54574d18c28d46e6395428ab','356a192b7913b04c54574d18c28d46e6395428ab','','',0,1,1800000000.0,NULL,1800000000.0,NULL);
INSERT INTO tasks VALUES('01a203d0-0af9-709d-b5e2-a5950a2b86d3','01a203d0-0af4-737d-a2dc-cdf11015c2c8','01a203d0-0af5-71c3-8bff-ca32be26cffe',1,'b','Two <b>''; DROP TABLE runs; --','','draft','dev','',3,0,'','["01a203d0-0af7-72ec-b95e-ff21c5cfc0fa"]','','','','','','',0,0,NULL,NULL,1800000000.0,NULL);
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
INSERT INTO runs VALUES('01a203d0-0b15-71d8-87d9-65d8c70ce662','01a203d0-0af4-737d-a2dc-cdf11015c2c8',NULL,'01a203d0-0ad1-7c96-93a2-c5ac59415f0d','bootstrap_epic','succeeded',1,1,'','','','','{"commit": "31fe23de06e7a9e05684f021f52cfc0e2832c19d"}','',NULL,1800000000.0,1800000000.0,1800000000.0);
INSERT INTO runs VALUES('01a203d0-0b60-7097-8723-d36d63cbf620','01a203d0-0af4-737d-a2dc-cdf11015c2c8','01a203d0-0af7-72ec-b95e-ff21c5cfc0fa','01a203d0-0ae5-7730-848c-58d7dbbf3f06','execute','succeeded',1,1,'31fe23de06e7a9e05684f021f52cfc0e2832c19d','31fe23de06e7a9e05684f021f52cfc0e2832c19d','','','{"commit": "356a192b7913b04c54574d18c28d46e6395428ab"}','',NULL,1800000000.0,1800000000.0,1800000000.0);
INSERT INTO runs VALUES('01a203d0-0b8b-7a51-8247-df3ad74b84fc','01a203d0-0af4-737d-a2dc-cdf11015c2c8','01a203d0-0af7-72ec-b95e-ff21c5cfc0fa','01a203d0-0aeb-7412-b0a4-bf871f37cf8d','test','succeeded',1,1,'31fe23de06e7a9e05684f021f52cfc0e2832c19d','356a192b7913b04c54574d18c28d46e6395428ab','','','{"command": "make test", "exit_code": 0, "counts": {"passed": 1}, "commit": "356a192b7913b04c54574d18c28d46e6395428ab"}','',NULL,1800000000.0,1800000000.0,1800000000.0);
INSERT INTO runs VALUES('01a203d0-0ba7-7862-87b8-08b00994d7e5','01a203d0-0af4-737d-a2dc-cdf11015c2c8','01a203d0-0af7-72ec-b95e-ff21c5cfc0fa','01a203d0-0aea-7824-98ca-212b69daceac','review','succeeded',1,1,'31fe23de06e7a9e05684f021f52cfc0e2832c19d','356a192b7913b04c54574d18c28d46e6395428ab','','','{"output": "VERDICT: REJECTED \u2014 the test is red"}','',NULL,1800000000.0,1800000000.0,1800000000.0);
INSERT INTO runs VALUES('01a203d0-0bbc-7165-ba75-e7b0e2473607','01a203d0-0af4-737d-a2dc-cdf11015c2c8','01a203d0-0af7-72ec-b95e-ff21c5cfc0fa','01a203d0-0ae5-7730-848c-58d7dbbf3f06','execute','dispatched',0,2,'31fe23de06e7a9e05684f021f52cfc0e2832c19d','356a192b7913b04c54574d18c28d46e6395428ab','','the test is red','{}','',NULL,1800000000.0,NULL,NULL);
CREATE TABLE comments (
	id VARCHAR(36) NOT NULL, 
	task_id VARCHAR(36) NOT NULL, 
	author TEXT NOT NULL, 
	body TEXT NOT NULL, 
	created_at FLOAT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(task_id) REFERENCES tasks (id)
);
INSERT INTO comments VALUES('01a203d0-0bbb-7bde-a6c0-caf9c7b9e1a7','01a203d0-0af7-72ec-b95e-ff21c5cfc0fa','reviewer','the test is red',1800000000.0);
INSERT INTO comments VALUES('01a203d0-0bc8-749c-a304-e38688afe0fa','01a203d0-0af7-72ec-b95e-ff21c5cfc0fa','operator','mind the gap',1800000000.0);
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
INSERT INTO verdicts VALUES('01a203d0-0bb8-7e9a-9bfb-af343dffcfe2','01a203d0-0af7-72ec-b95e-ff21c5cfc0fa','01a203d0-0ba7-7862-87b8-08b00994d7e5','356a192b7913b04c54574d18c28d46e6395428ab','REJECTED','the test is red','{"command": "make test", "exit_code": 0, "counts": {"passed": 1}, "commit": "356a192b7913b04c54574d18c28d46e6395428ab"}',1800000000.0);
CREATE INDEX ix_refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX teams_live ON teams (status);
CREATE INDEX sessions_live ON sessions (status, lease_until);
CREATE INDEX plans_status ON plans (status);
CREATE INDEX tasks_plan ON tasks (plan_id, position);
CREATE INDEX runs_state ON runs (state);
CREATE INDEX runs_plan ON runs (plan_id);
CREATE INDEX runs_task ON runs (task_id);
CREATE INDEX comments_task ON comments (task_id);
CREATE INDEX decisions_open ON decisions (status);
CREATE INDEX verdicts_task ON verdicts (task_id);
COMMIT;
