# fish completion for chat-send.

complete -c chat-send -f

# The rooms that the server has, which is asked with the options typed so far that say which one it is. A URI, which may
# hold a password, goes by the environment: everyone can see arguments.
function __chat_send_rooms
    set -l server
    set -l words (commandline -opc)
    set -lx REDIS_URL $REDIS_URL
    for i in (seq 2 (count $words))
        switch $words[$i]
            case -u --uri
                set REDIS_URL $words[(math $i + 1)]
            case '--uri=*'
                set REDIS_URL (string replace -- --uri= '' $words[$i])
            case -h -p -s --host --port --socket --user --pass-file --db --cacert --cacertdir --cert --key --sni
                set -a server $words[$i] $words[(math $i + 1)]
            case '--host=*' '--port=*' '--socket=*' '--user=*' '--pass-file=*' '--db=*' --tls --insecure '--ca*=*' '--cert=*' '--key=*' '--sni=*'
                set -a server $words[$i]
        end
    end
    timeout 0.4 chat-tail -q $server -l 2>/dev/null </dev/null | string replace -r '\t.*' ''
end
complete -c chat-send -a '(__chat_send_rooms)'
complete -c chat-send -s n -l name -x -d 'Sender'
complete -c chat-send -s 0 -l null -d 'Messages end in NUL'
complete -c chat-send -s w -l whole -d 'All of the input is one message'
complete -c chat-send -s t -l tsv -d 'Read rows as chat-tail -t prints them'
complete -c chat-send -s k -l keep-ids -d 'With -t, keep the IDs'
complete -c chat-send -s E -l empty -d 'Send empty lines too'
complete -c chat-send -s T -l tee -d 'Copy the input to standard output'
complete -c chat-send -s i -l ids -d 'Print the ID of each message'
complete -c chat-send -l maxlen -x -a '1000 10000 100000 1000000' -d 'Trim the room to about this many'
complete -c chat-send -l maxage -x -a '1h 12h 1d 7d 4w' -d 'Trim from the room what is older'
complete -c chat-send -l max-message -x -d 'Longest message taken, in bytes'
complete -c chat-send -l replicas -x -a '1 2' -d 'Delivered when this many replicas have it'
complete -c chat-send -l at-least-once -d 'Faster, but a lost connection may double messages'

complete -c chat-send -s h -l host -x -a '(__fish_print_hostnames)' -d 'Server, default 127.0.0.1'
complete -c chat-send -s p -l port -x -a 6379 -d 'Port, default 6379'
complete -c chat-send -s s -l socket -r -F -d 'Unix socket, instead of host and port'
complete -c chat-send -s u -l uri -x -a 'redis:// rediss:// valkey:// unix:/// redis+sentinel://' -d 'Server, user, password, database in one'
complete -c chat-send -l user -x -d 'User to log in as'
complete -c chat-send -l askpass -d 'Ask for the password'
complete -c chat-send -l pass-file -r -F -d 'File whose first line is the password'
complete -c chat-send -l db -x -a '(seq 0 15)' -d 'Database number'
complete -c chat-send -l tls -d 'Encrypt, and check the certificate'
complete -c chat-send -l cacert -r -F -d 'Certificates trusted'
complete -c chat-send -l cacertdir -r -F -d 'Directory of certificates trusted'
complete -c chat-send -l cert -r -F -d 'Client certificate'
complete -c chat-send -l key -r -F -d 'Its private key'
complete -c chat-send -l sni -x -d 'Host name of the certificate'
complete -c chat-send -l insecure -d 'Accept any certificate'
complete -c chat-send -l retry -x -a '0 10 600 forever' -d 'Ride out outages for this long'
complete -c chat-send -s q -l quiet -d 'No notices, only errors'
complete -c chat-send -s v -l verbose -d 'Report the connection, and a summary at the end'
complete -c chat-send -l progress -d 'Show count and rate on standard error'
complete -c chat-send -l help -d 'Print a summary of the options'
complete -c chat-send -s V -l version -d 'Print the version'
