# make             build ./vbcvault
# make quick       vet, and tests with directories, without long ones, while you work
# make test        everything that proves the product
# make race        what goes on at once, with the race detector
# make lint        vet and golangci-lint
# make vuln        look for known vulnerabilities in Go and in what is used, with govulncheck
# make mutants     break the program in many ways, and see a test fail each time
# make torture     count the faults, kills and random histories that nothing is lost in
# make fleet       three machines on one database, 30 rounds of trouble, and the manifest by way of PgBouncer; ACCOUNTS=60 RECORDINGS=20000
# make dialects    build MinIO, SeaweedFS and rclone's S3 server, and try the contract of stores on each (minutes the first time)
# make fuzz        every fuzz target, INPUTS=20000 inputs each
# make bench       vbcvault, the vendor's tutorial and rclone next to a loop with the same requests; BENCH=50kB ROUNDS=3
# make bench-against REV=COMMIT  the program of another commit and this one in the same rounds; BENCH, ROUNDS as above
# make profile     CPU time, allocations and system calls of vbcvault and the loop for each recording, BENCH=1MB or directory-20kB
# make counts      what a recording costs on any machine: requests, statements, commits, fsyncs, allocations, copies
# make bench-scale what more recordings cost: migration, night, catalogue, rebuild, diff, audit, proofs; LARGEST=10000000 for ten million
# make bench-players  200 players at once on the page: the first byte, memory
# make bench-list  what finding and counting costs, by list and on the page, LARGEST as above
# make bench-fleet what several machines cost a database: steps in a second, leases of 10 to 500 accounts, take-over
# make bench-search  what the page's search costs there, LARGEST as above
# make demo        the program on a simulated account; make demo-web opens the page
# make picture     the picture of the page in README.md: what chromium shows of the demo
# make release     everything that is published of this commit, under dist/
# make release-check  make a release of the working tree, and try each part of it
# make help        this list

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  = -s -w -X main.version=$(VERSION)
# In a module of its own: what the linter needs is nothing that vbcvault needs.
LINT     = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# Modules of their own in this repository, which ./... leaves out.
NESTED   = cmd/release cmd/release/charttest

.PHONY: build quick test race race-rooms race-run race-program lint vuln mutants torture fleet dialects fuzz bench bench-against profile bench-scale bench-list bench-search bench-fleet bench-players counts release release-check demo demo-web picture help

build:
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o vbcvault ./cmd/vbcvault

demo:
	go run ./cmd/vbcvault demo

demo-web:
	go run ./cmd/vbcvault demo --web

picture:
	go test ./cmd/vbcvault -run TestPictureOfThePage -picture ../../.github/page.png -count 1

help:
	@sed -n 's/^# \(make.*\)/\1/p' $(firstword $(MAKEFILE_LIST))

quick:
	go vet ./...
	VBCVAULT_TESTS=quick go test -short ./...

test:
	go test ./...

# SQLite itself, which is C in Go's clothes, is not looked at: it takes half of the time.
RACE = go test -race -gcflags=modernc.org/sqlite/lib=-race=false -short -vet=off

# Of what takes long, the part in which most goes on at once: a command that is
# killed, one step after the other, and one more answer of a table of answers race
# with nobody. Two at a time: each waits for its own servers now and then.
race:
	@$(MAKE) --no-print-directory -j2 race-program race-run race-rooms

race-rooms:
	$(RACE) $$(go list ./... | grep -v -e cmd/vbcvault$$ -e pipeline$$ -e manpage$$) \
		-skip 'TestContract/(CrashBetweenCommits|WordsFindWhatWasSaid|SearchFindsWhatMatches|CoveredIsFound|EveryRowOnce|EveryStepFromEveryState)|TestEraseTakesOneCall|TestConformanceLike|TestPageSizes/(413|502|503|504)|TestPagesGoBack|TestStoriesAreSmall|TestMetadataThatContradicts|TestPastIsWhole|TestManyPlantedObjects|TestFiveHundredAccounts|TestPage(InABrowser|HasTheNumbers)?$$|TestNoCallers|TestNumbersOfAHistory|InABrowser|TestHandover|TestAccount|TestHold(Form|Ends|sWithin)|TestListeningLog|TestSearch|TestFields|TestWaveform|TestWhatHasBecome|TestOIDC|TestSessionsEnd|TestHostile|ByPgBouncer|TestListingsAsInAFile|TestLongTranscripts|TestChangeThatAlways|TestBackup(IsTheSame|OfOneMoment)|TestEveryTable|TestAKilledMachine|TestAMachineThat|TestStandsStill|TestHearsNothing|TestDiagnose'

race-run:
	$(RACE) ./pipeline -rapid.checks 20 -skip 'TestCrash|AtEveryStep|DamagedAtRest|UncountedListings|A404|ByOtherMeans|TestHonest|TestFoundCopy|TestBegunDeletions|TestDeletesInVain|TestDamagedAndHidden|TestIntendedTranscript|TestReusedID|TestNothingShown|TestOtherCredentials|TestEveryRefusal|TestNothingElse|TestOneWay|TestTranscript(CantBeHad|sCantBeListed)'

race-program:
	$(RACE) ./cmd/vbcvault -run 'ArchiveThenDelete|MigrationMakes|Outage|Transcripts$$|Termination|HoldDuring|Export$$|ExportGoesWrong|CatalogIsKept|Rebuild$$|Diff$$|Restore$$|RestoreDuring|RestoreIsInterrupted|ListBeside|Secrets|BackupDuring|StopsWhen|OneAccountsTrouble|ServeStopsAndResumes'

lint:
	go vet ./...
	$(LINT) run --allow-parallel-runners ./...
	for module in $(NESTED); do (cd $$module && go vet ./... && $(LINT) run --allow-parallel-runners ./...) || exit 1; done

vuln:
	.ci/vuln

mutants:
	go test ./pipeline -run TestMutants -mutants -v -timeout 60m

torture:
	go test ./pipeline -run 'TestCrashAtEveryStep|TestCrashInAnExport|TestCrashWithAHold|TestCrashWithACatalog|TestFoundCopyIsNeverForgotten|TestDamagedAndKilledAtEveryStep|TestNothingIsEverLost' -everything -rapid.checks=1000 -count 1 -v | grep -E 'faults tried|OK, passed|^(ok|FAIL|---)'
	go test ./cmd/vbcvault -run TestKillAtRandomMoments -count 1 -v | grep -E 'SIGKILLs|^(ok|FAIL|---)'

ACCOUNTS   ?= 60
RECORDINGS ?= 20000
fleet:
	go test ./cmd/vbcvault -run 'TestMachines$$' -fleet.rounds 30 -fleet.accounts $(ACCOUNTS) -fleet.recordings $(RECORDINGS) -count 1 -timeout 2h -v | grep -E ' left: | requests, |^(ok|FAIL|---)'
	go test ./pipeline/manifest/postgres -run TestContractByPgBouncer -by-pgbouncer -count 1

# Some minutes of building the first time, each in a module of its own beside
# the tests; nothing of them is needed by vbcvault. SERVERS=minio for one alone.
SERVERS ?= all

dialects:
	go test ./storage/s3store -run TestConformanceOfOtherServers -dialects $(SERVERS) -count 1 -timeout 60m

# All that there are, each package built once. A number of inputs, since a time may
# end a target with "context deadline exceeded" (golang/go#75804).
INPUTS ?= 20000
# Packages that are left out: what takes minutes to build for it the first time.
WITHOUT ?=

fuzz:
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && cache=$$(go env GOCACHE)/fuzz && \
	for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do case ' $(WITHOUT) ' in *" $$dir "*) continue ;; esac; \
		go test -c -vet=off -fuzz . -o "$$tmp/fuzz" "$$dir" && for target in $$(cd "$$dir" && "$$tmp/fuzz" -test.list '^Fuzz'); do \
			echo "$$dir $$target" && (cd "$$dir" && "$$tmp/fuzz" -test.run '^$$' -test.fuzz "^$$target$$" -test.fuzztime $(INPUTS)x \
				-test.fuzzminimizetime 1s -test.fuzzcachedir "$$cache/$$(go list .)") || exit 1; \
		done || exit 1; \
	done

# Which loads, which contestants beside the loop, and how many rounds, as in BENCH=50kB
# WHO=vbcvault,tutorial ROUNDS=3. Manifests and archives lie below DISK. rclone takes part
# where it is in PATH; go tool -modfile=storage/storagetest/rclone/go.mod -n rclone makes one.
BENCH  ?= .
WHO    ?=
ROUNDS ?= 6
DISK   ?= /var/tmp
# A directory on the disk that goes away with whatever is left in it, also after Ctrl-C.
ON_DISK = tmp=$$(mktemp -d $(abspath $(DISK))/vbcvault-bench.XXXXXX) && trap 'rm -rf "$$tmp"' EXIT && trap 'exit 1' INT TERM && chmod 755 "$$tmp"
MEASURE = go test ./cmd/vbcvault -run '^$$' -benchtime 1x -disk "$$tmp" -timeout 3h

bench:
	@$(ON_DISK) && $(MEASURE) -count $(ROUNDS) -who '$(WHO)' -bench '^Benchmark(Archive|Directory|Quota)$$/$(BENCH)'

# The program of commit REV and that of the working tree, with the loop, in each round.
bench-against:
	@test -n "$(REV)" || { echo 'make bench-against REV=COMMIT' >&2; exit 2; }
	@$(ON_DISK) && mkdir "$$tmp/tree" && git archive $(REV) | tar -x -C "$$tmp/tree" && go -C "$$tmp/tree" build -o "$$tmp/before" ./cmd/vbcvault && \
		$(MEASURE) -count $(ROUNDS) -against "$$tmp/before" -bench '^Benchmark(Archive|Directory)$$/$(BENCH)'

# BENCH=1MB, BENCH=directory-20kB and so on for others; PROFILES=DIRECTORY keeps the profiles.
profile:
	@$(ON_DISK) && VBCVAULT_TEST_PROFILE=$(abspath $(PROFILES)) $(MEASURE) -bench '^BenchmarkProfile$$/^$(patsubst .,50kB,$(BENCH))$$'

# TestCounts holds them against limits, here and in CI.
counts:
	go test ./cmd/vbcvault -run 'TestCounts$$' -count 1 -v | sed -n -e '/per recording .*limit/,/bytes copied/p' -e '/more than the limit/p' -e '/^ *--- [FS]/p' -e '/^\(ok\|FAIL\)/p'

# LARGEST=10000000 takes 20 GB of disk and half an hour to make it.
LARGEST ?= 1000000

bench-scale:
	go test ./cmd/vbcvault -run '^$$' -bench 'Manifest|Library' -benchtime 1x -largest $(LARGEST) -timeout 4h

bench-players:
	go test ./cmd/vbcvault/web -run '^$$' -bench Players -benchtime 1x

bench-list:
	go test ./cmd/vbcvault -run '^$$' -bench List -benchtime 1x -largest $(LARGEST) -timeout 4h

bench-fleet:
	go test ./pipeline/manifest/postgres -run '^$$' -bench 'Transitions|Leases|TakeOver' -benchtime 1x -timeout 30m

bench-search:
	go test ./pipeline/manifest/sqlite -run '^$$' -bench Search -benchtime 1x -largest $(LARGEST) -timeout 90m

release:
	go -C cmd/release run . --out ../../dist

release-check:
	go -C cmd/release test -count 1 -timeout 40m ./...
