// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title A register of an intellectual property office's records.
/// @notice The body of a record stands in the calldata of the transaction that wrote it; state keeps key to digest and
/// the newest entry of each subject; the event binds the calldata by a salted hash and shows nothing of the content.
contract RecordRegister {
    /// key        names the record for ever: a delivery key, or whatever the office chooses
    /// digest     what the record says; the same key with another digest is a conflict
    /// supersedes the key of the entry that this one replaces or withdraws, or zero
    /// mark       random or secret-derived salt of the entry's hash
    /// salt       salt of the subject's hash
    /// withdrawn  this entry declares the one that it supersedes void
    /// subject    the right that the record is about
    /// path       digests of the networks that the record has been on, the origin first; empty for an office's own
    /// format     the name of the body's format
    /// body       the native record
    struct Entry {
        bytes32 key;
        bytes32 digest;
        bytes32 supersedes;
        bytes32 mark;
        bytes32 salt;
        bool withdrawn;
        string subject;
        bytes32[] path;
        string format;
        bytes body;
    }

    /// The newest entry of a subject, in one word of storage: the first 27 bytes of the entry's hash, how many entries
    /// there were, whether it withdraws.
    struct Subject {
        bytes27 hash;
        uint32 revision;
        bool withdrawn;
    }

    string public constant version = "RecordRegister/1";

    address public owner;
    address public heir;
    mapping(address writer => bool) public writers;
    /// The highest fence that each writer has shown.
    mapping(address writer => uint64) public fences;
    mapping(bytes32 key => bytes32) public digests;
    mapping(bytes32 subject => Subject) public subjects;

    /// hash = sha256(abi.encode(entry)); subject = sha256(salt ‖ subject)
    event Recorded(bytes32 indexed key, bytes32 indexed subject, uint256 revision, bytes32 hash);
    event Withdrawn(bytes32 indexed key, bytes32 indexed subject, uint256 revision, bytes32 hash);
    /// The entry was not taken: its key stands with the digest `held` (zero: the entry itself had no key or digest).
    event Conflict(bytes32 indexed key, bytes32 held);
    event WriterSet(address indexed writer, bool allowed);
    event OwnerSet(address indexed owner);

    error NotOwner();
    error NotWriter();
    error StaleFence(uint64 seen);

    constructor() {
        owner = msg.sender;
        writers[msg.sender] = true;
        emit OwnerSet(msg.sender);
        emit WriterSet(msg.sender, true);
    }

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner();
        _;
    }

    function setWriter(address writer, bool allowed) external onlyOwner {
        writers[writer] = allowed;
        emit WriterSet(writer, allowed);
    }

    /// Ownership passes when the heir accepts it, so that it cannot be lost to a mistyped address.
    function bequeath(address to) external onlyOwner {
        heir = to;
    }

    function accept() external {
        if (msg.sender != heir) revert NotOwner();
        owner = msg.sender;
        heir = address(0);
        emit OwnerSet(msg.sender);
    }

    /// Writes entries in order. An entry whose key stands with the same digest is passed over in silence, one whose key
    /// stands with another is told as a conflict; neither holds up the others.
    function record(uint64 fence, Entry[] calldata entries) external {
        if (!writers[msg.sender]) revert NotWriter();
        uint64 seen = fences[msg.sender];
        if (fence < seen) revert StaleFence(seen);
        if (fence > seen) fences[msg.sender] = fence;
        for (uint256 i = 0; i < entries.length; ++i) {
            Entry calldata entry = entries[i];
            uint256 free;
            assembly {
                free := mload(0x40)
            }
            _write(entry);
            // what was allocated for one entry is not needed by the next
            assembly {
                mstore(0x40, free)
            }
        }
    }

    function _write(Entry calldata entry) private {
        bytes32 key = entry.key;
        bytes32 digest = entry.digest;
        bytes32 held = digests[key];
        if (held != bytes32(0) || key == bytes32(0) || digest == bytes32(0)) {
            if (held != digest || key == bytes32(0) || digest == bytes32(0)) emit Conflict(key, held);
            return;
        }
        digests[key] = digest;
        bytes32 hash = sha256(abi.encode(entry));
        bytes32 name = sha256(abi.encodePacked(entry.salt, entry.subject));
        uint32 revision = subjects[name].revision + 1;
        subjects[name] = Subject(bytes27(hash), revision, entry.withdrawn);
        if (entry.withdrawn) emit Withdrawn(key, name, revision, hash);
        else emit Recorded(key, name, revision, hash);
    }

    /// The digest that each key stands with, zero where it does not stand.
    function digestsOf(bytes32[] calldata keys) external view returns (bytes32[] memory held) {
        held = new bytes32[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) held[i] = digests[keys[i]];
    }
}
