
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'lrun' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'lrun'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ('lrun') {
        'lrun' {
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Simulate an event and run its workflows; `lrun EVENT` is short for it')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the jobs of all workflows')
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Show what would run, leg by leg, and why the rest would not')
            [CompletionResult]::new('graph', 'graph', [CompletionResultType]::ParameterValue, 'Draw which job waits for which')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Read workflows and report every mistake')
            [CompletionResult]::new('eval', 'eval', [CompletionResultType]::ParameterValue, 'Evaluate an expression')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print completions for bash, zsh, fish, powershell or elvish')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Show what this machine has and which settings are read')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print help')
            [CompletionResult]::new('branch_protection_rule', 'branch_protection_rule', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('check_run', 'check_run', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('check_suite', 'check_suite', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('delete', 'delete', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('deployment', 'deployment', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('deployment_status', 'deployment_status', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('discussion', 'discussion', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('discussion_comment', 'discussion_comment', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('dynamic', 'dynamic', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('fork', 'fork', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('gollum', 'gollum', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('image_version', 'image_version', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('interactive_component', 'interactive_component', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('issue_comment', 'issue_comment', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('issues', 'issues', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('label', 'label', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('member', 'member', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('merge_group', 'merge_group', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('milestone', 'milestone', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('page_build', 'page_build', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('project', 'project', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('project_card', 'project_card', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('project_column', 'project_column', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('public', 'public', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('pull_request', 'pull_request', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('pull_request_comment', 'pull_request_comment', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('pull_request_review', 'pull_request_review', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('pull_request_review_comment', 'pull_request_review_comment', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('pull_request_target', 'pull_request_target', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('push', 'push', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('registry_package', 'registry_package', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('release', 'release', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('repository_dispatch', 'repository_dispatch', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('schedule', 'schedule', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('watch', 'watch', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('workflow_call', 'workflow_call', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('workflow_dispatch', 'workflow_dispatch', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('workflow_run', 'workflow_run', [CompletionResultType]::ParameterValue, 'event')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'Run this job with the jobs that it needs; may be given several times')
            [CompletionResult]::new('--job', '--job', [CompletionResultType]::ParameterName, 'Run this job with the jobs that it needs; may be given several times')
            [CompletionResult]::new('-W', '-W ', [CompletionResultType]::ParameterName, 'Take workflows from this file or folder [default: .github/workflows]')
            [CompletionResult]::new('--workflows', '--workflows', [CompletionResultType]::ParameterName, 'Take workflows from this file or folder [default: .github/workflows]')
            [CompletionResult]::new('--matrix', '--matrix', [CompletionResultType]::ParameterName, 'Keep only the matrix legs with this value')
            [CompletionResult]::new('-e', '-e', [CompletionResultType]::ParameterName, 'Merge this JSON payload over the one made from git')
            [CompletionResult]::new('--eventpath', '--eventpath', [CompletionResultType]::ParameterName, 'Merge this JSON payload over the one made from git')
            [CompletionResult]::new('--concurrent-jobs', '--concurrent-jobs', [CompletionResultType]::ParameterName, 'Run at most N jobs at once; 0 means one per processor [default: 0]')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Set a secret; without a value read that variable, or ask')
            [CompletionResult]::new('--secret', '--secret', [CompletionResultType]::ParameterName, 'Set a secret; without a value read that variable, or ask')
            [CompletionResult]::new('--secret-file', '--secret-file', [CompletionResultType]::ParameterName, 'Read secrets from this file [default: .secrets]')
            [CompletionResult]::new('--github-token', '--github-token', [CompletionResultType]::ParameterName, 'Where GITHUB_TOKEN comes from: `gh` runs `gh auth token`')
            [CompletionResult]::new('--var', '--var', [CompletionResultType]::ParameterName, 'Set a configuration variable; without a value read that variable, or ask')
            [CompletionResult]::new('--var-file', '--var-file', [CompletionResultType]::ParameterName, 'Read configuration variables from this file [default: .vars]')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Set an environment variable above those of workflow and job')
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'Read environment variables from this file [default: .env]')
            [CompletionResult]::new('--input', '--input', [CompletionResultType]::ParameterName, 'Give an input of workflow_dispatch or workflow_call')
            [CompletionResult]::new('--input-file', '--input-file', [CompletionResultType]::ParameterName, 'Read inputs from this file [default: .input]')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Say who caused the event')
            [CompletionResult]::new('--actor', '--actor', [CompletionResultType]::ParameterName, 'Say who caused the event')
            [CompletionResult]::new('--defaultbranch', '--defaultbranch', [CompletionResultType]::ParameterName, 'Name the default branch of the repository')
            [CompletionResult]::new('--remote-name', '--remote-name', [CompletionResultType]::ParameterName, 'Take owner and name of the repository from this git remote [default: origin]')
            [CompletionResult]::new('--delimiters', '--delimiters', [CompletionResultType]::ParameterName, 'Read only `${{ }}` (github), or `$<< >>` too (both): both, github [default: both]')
            [CompletionResult]::new('-P', '-P ', [CompletionResultType]::ParameterName, 'Serve a runs-on label by this image, or by `host`')
            [CompletionResult]::new('--platform', '--platform', [CompletionResultType]::ParameterName, 'Serve a runs-on label by this image, or by `host`')
            [CompletionResult]::new('--backend', '--backend', [CompletionResultType]::ParameterName, 'Where jobs run: auto, host [default: auto]')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Enter this folder first')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Enter this folder first')
            [CompletionResult]::new('--workspace', '--workspace', [CompletionResultType]::ParameterName, 'Give jobs a copy of the tree, or the tree itself (bind): copy, bind [default: copy]')
            [CompletionResult]::new('--local-repository', '--local-repository', [CompletionResultType]::ParameterName, 'Serve an action repository from a folder')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Form of the output of graph (text, mermaid, dot) and check (text, json, sarif, github) [default: text]')
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Explain why this job would run or not')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Named values for the expression: a JSON object')
            [CompletionResult]::new('--detect-event', '--detect-event', [CompletionResultType]::ParameterName, 'Without an event, take the first that the workflows list')
            [CompletionResult]::new('--skip-unavailable', '--skip-unavailable', [CompletionResultType]::ParameterName, 'Count legs that this machine cannot serve as absent')
            [CompletionResult]::new('--insecure-secrets', '--insecure-secrets', [CompletionResultType]::ParameterName, 'Accepted with a warning: secrets are masked all the same')
            [CompletionResult]::new('--clean-env', '--clean-env', [CompletionResultType]::ParameterName, 'Give host steps PATH, HOME and LANG only, not your environment')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'The same as --workspace bind')
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'The same as --workspace bind')
            [CompletionResult]::new('--clean', '--clean', [CompletionResultType]::ParameterName, 'Take exactly the commit, without uncommitted changes')
            [CompletionResult]::new('--staged', '--staged', [CompletionResultType]::ParameterName, 'Take exactly the index, for pre-commit hooks')
            [CompletionResult]::new('--with-ignored', '--with-ignored', [CompletionResultType]::ParameterName, 'Take ignored files too')
            [CompletionResult]::new('--use-gitignore', '--use-gitignore', [CompletionResultType]::ParameterName, 'Leave ignored files out; =false is --with-ignored')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Never touch the network')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing of a green run, and the last lines of failed steps')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing of a green run, and the last lines of failed steps')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print debug lines')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print debug lines')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON for programs')
            [CompletionResult]::new('--log-prefix-job-id', '--log-prefix-job-id', [CompletionResultType]::ParameterName, 'Begin lines of output with the job''s id')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Print each part of the expression with its value')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'The same as `lrun list`')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'The same as `lrun list`')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'The same as `lrun plan`')
            [CompletionResult]::new('--dryrun', '--dryrun', [CompletionResultType]::ParameterName, 'The same as `lrun plan`')
            [CompletionResult]::new('-g', '-g', [CompletionResultType]::ParameterName, 'The same as `lrun graph`')
            [CompletionResult]::new('--graph', '--graph', [CompletionResultType]::ParameterName, 'The same as `lrun graph`')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'The same as `lrun check`')
            [CompletionResult]::new('--bug-report', '--bug-report', [CompletionResultType]::ParameterName, 'The same as `lrun doctor`')
            [CompletionResult]::new('--man-page', '--man-page', [CompletionResultType]::ParameterName, 'Print the manual page')
            [CompletionResult]::new('--list-options', '--list-options', [CompletionResultType]::ParameterName, 'Print all flags as JSON, for editors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print the version')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
