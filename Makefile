# make          build ./vbcvault
# make test     everything that proves the product
# make lint     vet and golangci-lint
# make mutants  break the program in many ways, and see a test fail each time
# make torture  count the faults, kills and random histories that nothing is lost in
# make dialects build MinIO, SeaweedFS and rclone's S3 server, and try the contract of stores on each (minutes the first time)
# make fuzz     every fuzz target, INPUTS=20000 inputs each
# make bench    vbcvault and the vendor's tutorial next to a loop with the same requests, simulator and S3 server
# make bench-scale  what a long history costs, LARGEST=10000000 for ten million recordings
# make bench-list   what finding and counting costs in a manifest, LARGEST as above
# make dist     static binaries for the usual systems

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  = -s -w -X main.version=$(VERSION)
# In a module of its own: what the linter needs is nothing that vbcvault needs.
LINT     = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: build test race lint mutants torture dialects fuzz bench bench-scale bench-list dist demo

build:
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o vbcvault ./cmd/vbcvault

demo:
	go run ./cmd/vbcvault demo

test:
	go test -timeout 30m ./...

# Of what takes long, the part in which most goes on at once.
race:
	go test -race -short -timeout 30m $$(go list ./... | grep -v -e cmd/vbcvault -e pipeline$$)
	go test -race -short -timeout 30m ./pipeline -rapid.checks 20 -skip 'TestCrash|AtEveryStep|DamagedAtRest|UncountedListings'
	go test -race -short -timeout 30m ./cmd/vbcvault -run 'Archive|Migration|Transcripts|Termination|KillThenResume|HoldDuring|Export$$|ExportGoesWrong|CatalogIsKept|CatalogAfter|Restore$$|RestoreDuring|RestoreIsInterrupted|ListBeside|Rebuild$$|Diff$$|Secrets|BackupDuring|Stops'

lint:
	go vet ./...
	$(LINT) run ./...

mutants:
	go test ./pipeline -run TestMutants -mutants -v -timeout 60m

torture:
	go test ./pipeline -run 'TestCrashAtEveryStep|TestCrashInAnExport|TestCrashWithAHold|TestCrashWithACatalog|TestNothingIsEverLost' -rapid.checks=1000 -count 1 -v | grep -E 'faults tried|OK, passed|^(ok|FAIL|---)'
	go test ./cmd/vbcvault -run TestKillAtRandomMoments -count 1 -v | grep -E 'SIGKILLs|^(ok|FAIL|---)'

# Some minutes of building the first time, each in a module of its own beside
# the tests; nothing of them is needed by vbcvault. SERVERS=minio for one alone.
SERVERS ?= all

dialects:
	go test ./storage/s3store -run TestConformanceOfOtherServers -dialects $(SERVERS) -count 1 -timeout 60m

# One target at a time, as go test wants it. A number of inputs, since a time
# may end a target with "context deadline exceeded" (golang/go#75804).
INPUTS ?= 20000

fuzz:
	@for target in vbc:FuzzListing vbc:FuzzRepair vbc:FuzzTranscripts vbc:FuzzParseTime vbc:FuzzFault vbc:FuzzAccessTime pipeline/layout:FuzzKeys pipeline/layout:FuzzSidecar \
		pipeline:FuzzPlan pipeline:FuzzExport pipeline/layout:FuzzReceiptNames pipeline/restore:FuzzNames pipeline/receipt:FuzzReceipts; do \
		go test ./$${target%:*} -run '^$$' -fuzz "^$${target#*:}$$" -fuzztime $(INPUTS)x -fuzzminimizetime 1s || exit 1; \
	done

bench:
	go test ./cmd/vbcvault -run '^$$' -bench 'Archive|Quota|Throughput' -benchtime 1x -count 3 -timeout 30m

# LARGEST=10000000 takes 20 GB of disk and half an hour to make it.
LARGEST ?= 1000000

bench-scale:
	go test ./cmd/vbcvault -run '^$$' -bench 'Manifest|Export' -benchtime 1x -largest $(LARGEST) -timeout 60m

bench-list:
	go test ./cmd/vbcvault -run '^$$' -bench List -benchtime 1x -largest $(LARGEST) -timeout 60m

dist:
	@mkdir -p dist
	@for os in linux darwin windows; do for arch in amd64 arm64; do \
		ext=; [ $$os = windows ] && ext=.exe; echo $$os/$$arch; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -ldflags '$(LDFLAGS)' -o dist/vbcvault-$$os-$$arch$$ext ./cmd/vbcvault || exit 1; \
	done; done
