
use builtin;
use str;

set edit:completion:arg-completer[lrun] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'lrun'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'lrun'= {
            cand -j 'Run this job with the jobs that it needs; may be given several times'
            cand --job 'Run this job with the jobs that it needs; may be given several times'
            cand -W 'Take workflows from this file or folder [default: .github/workflows]'
            cand --workflows 'Take workflows from this file or folder [default: .github/workflows]'
            cand --matrix 'Keep only the matrix legs with this value'
            cand -e 'Merge this JSON payload over the one made from git'
            cand --eventpath 'Merge this JSON payload over the one made from git'
            cand --concurrent-jobs 'Run at most N jobs at once; 0 means one per processor [default: 0]'
            cand -s 'Set a secret; without a value read that variable, or ask'
            cand --secret 'Set a secret; without a value read that variable, or ask'
            cand --secret-file 'Read secrets from this file [default: .secrets]'
            cand --github-token 'Where GITHUB_TOKEN comes from: `gh` runs `gh auth token`'
            cand --var 'Set a configuration variable; without a value read that variable, or ask'
            cand --var-file 'Read configuration variables from this file [default: .vars]'
            cand --env 'Set an environment variable above those of workflow and job'
            cand --env-file 'Read environment variables from this file [default: .env]'
            cand --input 'Give an input of workflow_dispatch or workflow_call'
            cand --input-file 'Read inputs from this file [default: .input]'
            cand -a 'Say who caused the event'
            cand --actor 'Say who caused the event'
            cand --defaultbranch 'Name the default branch of the repository'
            cand --remote-name 'Take owner and name of the repository from this git remote [default: origin]'
            cand --delimiters 'Read only `${{ }}` (github), or `$<< >>` too (both): both, github [default: both]'
            cand -P 'Serve a runs-on label by this image, or by `host`'
            cand --platform 'Serve a runs-on label by this image, or by `host`'
            cand --backend 'Where jobs run: auto, host [default: auto]'
            cand -C 'Enter this folder first'
            cand --directory 'Enter this folder first'
            cand --workspace 'Give jobs a copy of the tree, or the tree itself (bind): copy, bind [default: copy]'
            cand --local-repository 'Serve an action repository from a folder'
            cand --format 'Form of the output of graph (text, mermaid, dot) and check (text, json, sarif, github) [default: text]'
            cand --why 'Explain why this job would run or not'
            cand --context 'Named values for the expression: a JSON object'
            cand --detect-event 'Without an event, take the first that the workflows list'
            cand --skip-unavailable 'Count legs that this machine cannot serve as absent'
            cand --insecure-secrets 'Ask for unmasked secrets; lrun masks them all the same'
            cand --clean-env 'Give host steps PATH, HOME and LANG only, not your environment'
            cand -b 'The same as --workspace bind'
            cand --bind 'The same as --workspace bind'
            cand --clean 'Take exactly the commit, without uncommitted changes'
            cand --staged 'Take exactly the index, for pre-commit hooks'
            cand --with-ignored 'Take ignored files too'
            cand --use-gitignore 'Leave ignored files out; =false is --with-ignored'
            cand --offline 'Never touch the network'
            cand -q 'Print nothing of a green run, and the last lines of failed steps'
            cand --quiet 'Print nothing of a green run, and the last lines of failed steps'
            cand -v 'Print debug lines'
            cand --verbose 'Print debug lines'
            cand --json 'Print JSON for programs'
            cand --log-prefix-job-id 'Begin lines of output with the job''s id'
            cand --trace 'Print each part of the expression with its value'
            cand -l 'The same as `lrun list`'
            cand --list 'The same as `lrun list`'
            cand -n 'The same as `lrun plan`'
            cand --dryrun 'The same as `lrun plan`'
            cand -g 'The same as `lrun graph`'
            cand --graph 'The same as `lrun graph`'
            cand --validate 'The same as `lrun check`'
            cand --bug-report 'The same as `lrun doctor`'
            cand --man-page 'Print the manual page'
            cand --list-options 'Print all flags as JSON, for editors'
            cand -h 'Print help'
            cand --help 'Print help'
            cand --version 'Print the version'
        }
    ]
    $completions[$command]
}
