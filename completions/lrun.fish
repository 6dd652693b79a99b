complete -c lrun -s j -l job -d 'Run this job with the jobs that it needs; may be given several times' -r
complete -c lrun -s W -l workflows -d 'Take workflows from this file or folder [default: .github/workflows]' -r -F
complete -c lrun -l matrix -d 'Keep only the matrix legs with this value' -r
complete -c lrun -s e -l eventpath -d 'Merge this JSON payload over the one made from git' -r -F
complete -c lrun -l concurrent-jobs -d 'Run at most N jobs at once; 0 means one per processor [default: 0]' -r
complete -c lrun -s s -l secret -d 'Set a secret; without a value read that variable, or ask' -r
complete -c lrun -l secret-file -d 'Read secrets from this file [default: .secrets]' -r -F
complete -c lrun -l github-token -d 'Where GITHUB_TOKEN comes from: `gh` runs `gh auth token`' -r -f -a "gh\t''"
complete -c lrun -l var -d 'Set a configuration variable; without a value read that variable, or ask' -r
complete -c lrun -l var-file -d 'Read configuration variables from this file [default: .vars]' -r -F
complete -c lrun -l env -d 'Set an environment variable above those of workflow and job' -r
complete -c lrun -l env-file -d 'Read environment variables from this file [default: .env]' -r -F
complete -c lrun -l input -d 'Give an input of workflow_dispatch or workflow_call' -r
complete -c lrun -l input-file -d 'Read inputs from this file [default: .input]' -r -F
complete -c lrun -s a -l actor -d 'Say who caused the event' -r
complete -c lrun -l defaultbranch -d 'Name the default branch of the repository' -r
complete -c lrun -l remote-name -d 'Take owner and name of the repository from this git remote [default: origin]' -r
complete -c lrun -l delimiters -d 'Read only `${{ }}` (github), or `$<< >>` too (both): both, github [default: both]' -r -f -a "both\t''
github\t''"
complete -c lrun -s P -l platform -d 'Serve a runs-on label by this image, or by `host`' -r
complete -c lrun -l backend -d 'Where jobs run: auto, host [default: auto]' -r -f -a "auto\t''
host\t''"
complete -c lrun -s C -l directory -d 'Enter this folder first' -r -f -a "(__fish_complete_directories)"
complete -c lrun -l workspace -d 'Give jobs a copy of the tree, or the tree itself (bind): copy, bind [default: copy]' -r -f -a "copy\t''
bind\t''"
complete -c lrun -l local-repository -d 'Serve an action repository from a folder' -r
complete -c lrun -l format -d 'Form of the output of graph (text, mermaid, dot) and check (text, json, sarif, github) [default: text]' -r -f -a "text\t''
mermaid\t''
dot\t''
json\t''
sarif\t''
github\t''"
complete -c lrun -l why -d 'Explain why this job would run or not' -r
complete -c lrun -l context -d 'Named values for the expression: a JSON object' -r -F
complete -c lrun -l detect-event -d 'Without an event, take the first that the workflows list'
complete -c lrun -l skip-unavailable -d 'Count legs that this machine cannot serve as absent'
complete -c lrun -l insecure-secrets -d 'Ask for unmasked secrets; lrun masks them all the same'
complete -c lrun -l clean-env -d 'Give host steps PATH, HOME and LANG only, not your environment'
complete -c lrun -s b -l bind -d 'The same as --workspace bind'
complete -c lrun -l clean -d 'Take exactly the commit, without uncommitted changes'
complete -c lrun -l staged -d 'Take exactly the index, for pre-commit hooks'
complete -c lrun -l with-ignored -d 'Take ignored files too'
complete -c lrun -l use-gitignore -d 'Leave ignored files out; =false is --with-ignored'
complete -c lrun -l offline -d 'Never touch the network'
complete -c lrun -s q -l quiet -d 'Print nothing of a green run, and the last lines of failed steps'
complete -c lrun -s v -l verbose -d 'Print debug lines'
complete -c lrun -l json -d 'Print JSON for programs'
complete -c lrun -l log-prefix-job-id -d 'Begin lines of output with the job\'s id'
complete -c lrun -l trace -d 'Print each part of the expression with its value'
complete -c lrun -s l -l list -d 'The same as `lrun list`'
complete -c lrun -s n -l dryrun -d 'The same as `lrun plan`'
complete -c lrun -s g -l graph -d 'The same as `lrun graph`'
complete -c lrun -l validate -d 'The same as `lrun check`'
complete -c lrun -l bug-report -d 'The same as `lrun doctor`'
complete -c lrun -l man-page -d 'Print the manual page'
complete -c lrun -l list-options -d 'Print all flags as JSON, for editors'
complete -c lrun -s h -l help -d 'Print help'
complete -c lrun -l version -d 'Print the version'
