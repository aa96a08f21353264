package pipeline

// rightsMutations break what the program says that it must be allowed to do.
var rightsMutations = []mutation{
	{"the nightly run is allowed to delete copies", "storage/s3store/rights/rights.go", "{\"s3:DeleteObject\", Objects, Erase, onlyErase}", "{\"s3:DeleteObject\", Objects, Erase | Archive, onlyErase}", "TestPolicies", "./storage/s3store/rights"},
	{"a policy allows what lies beside the prefix", "storage/s3store/rights/policy.go", "bucket+\"/\"+literal(where.Prefix)+\"*\"", "bucket+\"/*\"", "TestPolicies", "./storage/s3store/rights"},
	{"a star in a prefix stands for anything", "storage/s3store/rights/policy.go", "literal(where.Prefix)", "where.Prefix", "TestPolicies", "./storage/s3store/rights"},
	{"a policy for China is one for elsewhere", "storage/s3store/rights/policy.go", "		return \"aws-cn\"\n", "		return \"aws\"\n", "TestPolicies", "./storage/s3store/rights"},
	{"a right is in the policy that nothing asks for", "storage/s3store/rights/rights.go", "{\"s3:RestoreObject\", Objects, Restore,", "{\"s3:RestoreObject\", Objects, Restore | Archive,", "TestPrintedPolicyIsTheLeast", "./cmd/vbcvault"},
	{"a right that is needed isn't printed", "storage/s3store/rights/rights.go", "{\"s3:GetObjectVersion\", Objects, Archive,", "{\"s3:GetObjectVersion\", Objects, Erase,", "TestPrintedPolicyIsTheLeast", "./cmd/vbcvault"},
	{"versions that may not be looked for are none", "storage/s3store/erase.go", "	if statusOf(err) == http.StatusForbidden {\n		return false,", "	if statusOf(err) == http.StatusForbidden {\n		return true, nil\n	} else if false {\n		return false,", "TestPrintedPolicyIsTheLeast", "./cmd/vbcvault"},
}
