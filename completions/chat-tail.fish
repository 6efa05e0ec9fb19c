# fish completion for chat-tail.

complete -c chat-tail -f

# The rooms that the server has, which is asked with the options typed so far that say which one it is. A URI, which may
# hold a password, goes by the environment: everyone can see arguments. So one in the wrong place goes nowhere. Rooms that
# begin with a dash are offered behind `--` only, and those with a tilde in quotes only, for fish would not quote it.
function __chat_tail_rooms
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
complete -c chat-tail -a '(__chat_tail_rooms | string split0)'

function __chat_tail_when
    printf '%s\t%s\n' 10m 'Ten minutes ago' 1h 'An hour ago' 1d 'A day ago' 1w 'A week ago' \
        today 'Today, 00:00' yesterday 'Yesterday, 00:00' (date +%Y-%m-%d) 'Today, 00:00' (date +%Y-%m-%dT%H:%M) Now @(date +%s) 'Now, in seconds since 1970'
end

complete -c chat-tail -s n -l lines -x -a '10 100 +1' -d 'First the last messages, or from the +Nth on'
complete -c chat-tail -s S -l since -x -k -a '(__chat_tail_when)' -d 'From then on'
complete -c chat-tail -s U -l until -x -k -a '(__chat_tail_when)' -d 'Up to then, then exit'
complete -c chat-tail -s f -l follow -d 'Wait for more (the default)'
complete -c chat-tail -s e -l exit -d 'Stop at the end'
complete -c chat-tail -s c -l count -x -d 'Stop after this many messages'
complete -c chat-tail -s W -l timeout -x -d 'Stop when nothing was printed for this long'
complete -c chat-tail -s x -l exclude -x -d 'Hide the messages of this sender'
complete -c chat-tail -s m -l match -x -d 'Each room whose name matches'
complete -c chat-tail -s l -l list -d 'List the rooms'
complete -c chat-tail -s C -l cursor-file -r -F -d 'Resume where the file says'
complete -c chat-tail -s g -l group -x -d 'Share the messages with the group'
complete -c chat-tail -l consumer -x -d 'Name of this reader in the group'
complete -c chat-tail -l claim -x -a '30s 60s 10m 1h' -d 'Take over what others left undone'
complete -c chat-tail -l ack -d 'The program behind acknowledges'
complete -c chat-tail -l prefetch -x -a '1 10 100 1000' -d 'So many entries at a time'
complete -c chat-tail -l tries -x -a '3 5 10' -d 'What failed so often goes to the dead room'
complete -c chat-tail -l dead -x -d 'The room for what is never done'
complete -c chat-tail -s t -l tsv -d 'Rows of room, ID, name, text'
complete -c chat-tail -s j -l json -d 'A JSON object for each message'
complete -c chat-tail -s J -l json-entries -d 'A JSON object for each entry'
complete -c chat-tail -s F -l format -x -d 'As the format says: %r %i %n %t %T %s'
complete -c chat-tail -s r -l raw -d 'Lines with the bytes as they are'
complete -c chat-tail -s 0 -l null -d 'Texts as they are, each ended by NUL'
complete -c chat-tail -l time -a '%T %H:%M %F %FT%T%z' -d 'The time before each line'
complete -c chat-tail -l color -a 'auto always never' -d 'Names in colours'
complete -c chat-tail -l above -a 'auto always never' -d 'Above the line being typed'

complete -c chat-tail -s h -l host -x -a '(__fish_print_hostnames)' -d 'Server, default 127.0.0.1'
complete -c chat-tail -s p -l port -x -a 6379 -d 'Port, default 6379'
complete -c chat-tail -s s -l socket -r -F -d 'Unix socket, instead of host and port'
complete -c chat-tail -s u -l uri -x -a 'redis:// rediss:// valkey:// unix:/// redis+sentinel://' -d 'Server, user, password, database in one'
complete -c chat-tail -l user -x -d 'User to log in as'
complete -c chat-tail -l askpass -d 'Ask for the password'
complete -c chat-tail -l pass-file -r -F -d 'File whose first line is the password'
complete -c chat-tail -l db -x -a '(seq 0 15)' -d 'Database number'
complete -c chat-tail -l tls -d 'Encrypt, and check the certificate'
complete -c chat-tail -l cacert -r -F -d 'Certificates trusted'
complete -c chat-tail -l cacertdir -r -F -d 'Directory of certificates trusted'
complete -c chat-tail -l cert -r -F -d 'Client certificate'
complete -c chat-tail -l key -r -F -d 'Its private key'
complete -c chat-tail -l sni -x -d 'Host name of the certificate'
complete -c chat-tail -l insecure -d 'Accept any certificate'
complete -c chat-tail -l retry -x -a '0 10 600 forever' -d 'Ride out outages for this long'
complete -c chat-tail -s q -l quiet -d 'No notices, only errors'
complete -c chat-tail -s v -l verbose -d 'Report the connection, and a summary at the end'
complete -c chat-tail -l progress -d 'Show count and rate on standard error'
complete -c chat-tail -l help -d 'Print a summary of the options'
complete -c chat-tail -s V -l version -d 'Print the version'
