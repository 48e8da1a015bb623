//! Where code is kept, built and published, and the models that write it.

use super::{Rule, near, token};

pub(super) const RULES: &[Rule] = &[
    token(
        "github-token",
        "a GitHub token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        "gh[pousr]_[A-Za-z0-9]{36,255}",
    ),
    token(
        "github-fine-grained-token",
        "a fine-grained GitHub token",
        &["github_pat_"],
        r"github_pat_\w{60,255}",
    ),
    token(
        "gitlab-token",
        "a GitLab token",
        &[
            "glpat-", "glptt-", "gldt-", "glrt-", "glcbt-", "glsoat-", "glimt-", "glft-", "gloas-",
            "glagent-",
        ],
        r"gl(?:pat|ptt|dt|rt|cbt|soat|imt|ft|oas|agent)-[\w.-]{20,300}",
    ),
    token(
        "bitbucket-password",
        "a Bitbucket app password",
        &["atbb"],
        "ATBB[A-Za-z0-9]{32}",
    ),
    token(
        "atlassian-token",
        "an Atlassian token",
        &["atatt3"],
        r"ATATT3[\w=-]{100,400}",
    ),
    token(
        "npm-token",
        "an npm token",
        &["npm_"],
        "npm_[A-Za-z0-9]{36}",
    ),
    near(
        "npm-legacy-token",
        "the token of an npm registry",
        &["_authtoken"],
        "_authtoken",
        r"[\w=+/-]{30,120}",
    ),
    token(
        "pypi-token",
        "a PyPI token",
        &["pypi-age"],
        r"pypi-AgE[\w-]{50,1000}",
    ),
    token(
        "crates-token",
        "a crates.io token",
        &["cio"],
        "cio[A-Za-z0-9]{32}",
    ),
    token(
        "rubygems-key",
        "a RubyGems key",
        &["rubygems_"],
        "rubygems_[0-9a-f]{48}",
    ),
    token("nuget-key", "a NuGet key", &["oy2"], "oy2[a-z0-9]{43}"),
    token(
        "clojars-token",
        "a Clojars token",
        &["clojars_"],
        "CLOJARS_[0-9a-z]{60}",
    ),
    token(
        "docker-token",
        "a Docker Hub token",
        &["dckr_"],
        r"dckr_(?:pat|oat)_[\w-]{27,}",
    ),
    token(
        "artifactory-key",
        "an Artifactory key",
        &["akcp", "cmvmd"],
        "(?:AKCp[A-Za-z0-9]{69}|cmVmd[A-Za-z0-9]{59})",
    ),
    token(
        "circleci-token",
        "a CircleCI token",
        &["ccipat_", "ccipra_"],
        r"CCIP(?:AT|RA)_[A-Za-z0-9]{20,24}_[0-9a-f]{40}",
    ),
    token(
        "buildkite-token",
        "a Buildkite token",
        &["bkua_"],
        "bkua_[0-9a-f]{40}",
    ),
    token(
        "sourcegraph-token",
        "a Sourcegraph token",
        &["sgp_"],
        "sgp_(?:[0-9a-f]{16}_|local_)?[0-9a-f]{40}",
    ),
    token(
        "sonar-token",
        "a SonarQube token",
        &["squ_", "sqp_", "sqa_"],
        "sq[upa]_[0-9a-f]{40}",
    ),
    token(
        "prefect-key",
        "a Prefect key",
        &["pnu_"],
        "pnu_[A-Za-z0-9]{36}",
    ),
    token(
        "anthropic-key",
        "an Anthropic key",
        &["sk-ant-"],
        r"sk-ant-(?:api|admin|oat|sid)[0-9]{2}-[\w-]{80,120}",
    ),
    token(
        "openrouter-key",
        "an OpenRouter key",
        &["sk-or-v1-"],
        "sk-or-v1-[0-9a-f]{64}",
    ),
    token(
        "openai-key",
        "an OpenAI key",
        &["sk-"],
        r"sk-(?:(?:proj|svcacct|admin|None)-[\w-]{40,200}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|[A-Za-z0-9]{48})",
    ),
    token(
        "huggingface-token",
        "a Hugging Face token",
        &["hf_", "api_org_"],
        "(?:hf|api_org)_[A-Za-z0-9]{34,40}",
    ),
    token(
        "groq-key",
        "a Groq key",
        &["gsk_"],
        "gsk_[A-Za-z0-9]{48,56}",
    ),
    token(
        "replicate-token",
        "a Replicate token",
        &["r8_"],
        "r8_[A-Za-z0-9]{37,40}",
    ),
    token(
        "perplexity-key",
        "a Perplexity key",
        &["pplx-"],
        "pplx-[A-Za-z0-9]{48,56}",
    ),
    token("xai-key", "an xAI key", &["xai-"], "xai-[A-Za-z0-9]{70,90}"),
];
