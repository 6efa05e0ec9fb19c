# fish completion for chat-send.

complete -c chat-send -f

# How many operands stand before the cursor: the room, and words, which are text whatever they look like.
function __chat_send_operands
    set -l words (commandline -xpc 2>/dev/null; or commandline -opc)[2..] # before fish 4 there is no -x
    set -l operands
    while set -q words[1]
        switch $words[1]
            case -h -p -s -u -n --host --port --socket --uri --user --pass-file --db --cacert --cacertdir --cert --key --sni --retry --name --maxlen --maxage --max-message --replicas
                set -e words[1..2]
            case --
                set -a operands $words[2..]
                set -e words
            case '-*'
                set -e words[1]
            case '*'
                set -a operands $words[1]
                set -e words[1]
        end
    end
    count $operands
end

# The rooms that the server has, which is asked with the options typed so far that say which one it is. A URI, which may
# hold a password, goes by the environment: everyone can see arguments. So one in the wrong place goes nowhere. Rooms that
# begin with a dash are offered behind `--` only, and those with a tilde in quotes only, for fish would not quote it.
function __chat_send_rooms
    set -l server
    set -l not_offered '^-'
    set -l words (commandline -xpc 2>/dev/null; or commandline -opc)[2..] # before fish 4 there is no -x
    set -lx REDIS_URL $REDIS_URL
    while set -q words[1]
        set -l word $words[1]
        set -e words[1]
        switch $word
            case --
                set not_offered '^$'
            case -u --uri
                set REDIS_URL $words[1]
                set -e words[1]
            case '--uri=*'
                set REDIS_URL (string replace -- --uri= '' $word)
            case '-u*'
                set REDIS_URL (string replace -- -u '' $word)
            case -h -p -s --host --port --socket --user --pass-file --db --cacert --cacertdir --cert --key --sni
                set -a server $word (string replace -r -- '^~/' $HOME/ "$words[1]")
                set -e words[1]
            case '--host=*' '--port=*' '--socket=*' '--user=*' '--pass-file=*' '--db=*' '-h*' '-p*' '-s*' --tls --insecure '--ca*=*' '--cert=*' '--key=*' '--sni=*'
                set -a server $word
        end
    end
    string match -q -r '@|://' -- "$server"; and return
    string match -q -r '^[\'"\\\\]' -- (commandline -ct | string collect -a); or set -a not_offered '^~'
    for room in (timeout 0.4 chat-tail -q $server -l 2>/dev/null </dev/null | string replace -r '\t.*' '')
        string match -q -r (string join '|' '\\\\t|\\\\x00' $not_offered) -- $room; or printf '%b\0' $room
    end
end
complete -c chat-send -n 'test (__chat_send_operands) -eq 0' -a '(__chat_send_rooms | string split0)'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s n -l name -x -d 'Sender'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s 0 -l null -d 'Messages end in NUL'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s w -l whole -d 'All of the input is one message'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s t -l tsv -d 'Read rows as chat-tail -t prints them'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s k -l keep-ids -d 'With -t, keep the IDs'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s E -l empty -d 'Send empty lines too'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s T -l tee -d 'Copy the input to standard output'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s i -l ids -d 'Print the ID of each message'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l maxlen -x -a '1000 10000 100000 1000000' -d 'Trim the room to about this many'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l maxage -x -a '1h 12h 1d 7d 4w' -d 'Trim from the room what is older'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l max-message -x -d 'Longest message taken, in bytes'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l replicas -x -a '1 2' -d 'Delivered when this many replicas have it'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l at-least-once -d 'Faster, but a lost connection may double messages'

complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s h -l host -x -a '(__fish_print_hostnames)' -d 'Server, default 127.0.0.1'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s p -l port -x -a 6379 -d 'Port, default 6379'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s s -l socket -r -F -d 'Unix socket, instead of host and port'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s u -l uri -x -a 'redis:// rediss:// valkey:// unix:/// redis+sentinel://' -d 'Server, user, password, database in one'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l user -x -d 'User to log in as'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l askpass -d 'Ask for the password'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l pass-file -r -F -d 'File whose first line is the password'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l db -x -a '(seq 0 15)' -d 'Database number'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l tls -d 'Encrypt, and check the certificate'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l cacert -r -F -d 'Certificates trusted'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l cacertdir -r -F -d 'Directory of certificates trusted'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l cert -r -F -d 'Client certificate'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l key -r -F -d 'Its private key'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l sni -x -d 'Host name of the certificate'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l insecure -d 'Accept any certificate'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l retry -x -a '0 10 600 forever' -d 'Ride out outages for this long'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s q -l quiet -d 'No notices, only errors'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s v -l verbose -d 'Report the connection, and a summary at the end'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l progress -d 'Show count and rate on standard error'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -l help -d 'Print a summary of the options'
complete -c chat-send -n 'test (__chat_send_operands) -lt 2' -s V -l version -d 'Print the version'
